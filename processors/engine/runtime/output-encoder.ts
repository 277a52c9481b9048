import type { ProducerRecord } from '../../../connectors/kafka/port.ts';
import { partitionFor } from '../../../connectors/kafka/partitioner.ts';
import { must } from '../../../infra/process/assert.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { bodyOf } from '../../../schemas/serde/wire-format.ts';
import { type BodySerdes, changeSchema } from '../body-serdes.ts';
import type { Plan, PlanNode, PlanRepartition, SinkNode } from '../plan/plan.ts';
import type { StreamRecord } from '../record.ts';
import type { ApplicationNames } from './application-names.ts';
import { EVENT_TIME_HEADER } from './message-decoder.ts';
import type { TopicSetup } from './topic-setup.ts';

/** Makes the Kafka record of what a sink puts out, or null for a record without a key on a compacted topic, which has no place there. */
export type OutputEncoder = (record: StreamRecord) => ProducerRecord | null;

/** Encoders by sink node. Registers the schemas of the result topics. */
export async function outputEncoders(
  plan: Plan,
  names: ApplicationNames,
  setup: TopicSetup,
  registry: SchemaRegistry,
  serdes: BodySerdes,
): Promise<ReadonlyMap<string, OutputEncoder>> {
  const encoders = new Map<string, OutputEncoder>();
  for (const node of plan.nodes) {
    const encoder = await encoderOf(node, plan, names, setup, registry, serdes);
    if (encoder !== null) encoders.set(node.id, encoder);
  }
  return encoders;
}

async function encoderOf(
  node: PlanNode,
  plan: Plan,
  names: ApplicationNames,
  setup: TopicSetup,
  registry: SchemaRegistry,
  serdes: BodySerdes,
): Promise<OutputEncoder | null> {
  if (node.operator === 'sink') return resultEncoder(node, names, setup, registry);
  if (node.operator !== 'repartition-sink') return null;
  const repartition = must(
    plan.repartitions.find(({ name }) => name === node.repartition),
    `no repartition ${node.repartition}`,
  );
  return repartitionEncoder(repartition, names, setup, serdes);
}

async function resultEncoder(
  node: SinkNode,
  names: ApplicationNames,
  setup: TopicSetup,
  registry: SchemaRegistry,
): Promise<OutputEncoder> {
  const topic = names.catalogue(node.topic.name);
  const partitions = must(setup.partitions.get(topic), `no partitions of ${topic}`);
  const keys = await AvroSerde.writer<unknown>(registry, `${topic}-key`, node.topic.key);
  const values = await AvroSerde.writer<unknown>(registry, `${topic}-value`, node.topic.value);
  return (record) => {
    if (record.keyBody === null && node.topic.kind === 'table') return null;
    const key = record.keyBody === null ? null : keys.encode(record.key);
    return {
      topic,
      partition: key === null ? 0 : partitionFor(bodyOf(key), partitions),
      timestamp: record.commitTime,
      key,
      value: record.value === null ? null : values.encode(record.value),
    };
  };
}

function repartitionEncoder(
  plan: PlanRepartition,
  names: ApplicationNames,
  setup: TopicSetup,
  serdes: BodySerdes,
): OutputEncoder {
  const topic = names.repartition(plan.name);
  const partitions = must(setup.repartitions.get(plan.name), `no partitions of ${topic}`);
  const change = plan.form === 'change';
  const values = serdes(change ? changeSchema(plan.value) : plan.value);
  return (record) => {
    const key = must(record.keyBody, `a record without a key on its way to ${topic}`);
    return {
      topic,
      partition: partitionFor(key, partitions),
      timestamp: record.commitTime,
      key,
      value: values.encodeBody(change ? [record.oldValue, record.value] : record.value),
      headers: [{ key: EVENT_TIME_HEADER, value: Buffer.from(String(record.time), 'latin1') }],
    };
  };
}
