import type { ConsumerRecord } from '../../../connectors/kafka/port.ts';
import { must } from '../../../infra/process/assert.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { BodySerdes } from '../body-serdes.ts';
import type { Call } from '../operators/operator.ts';
import type { PlanNode, RepartitionSourceNode, SourceNode } from '../plan/plan.ts';
import { guarded } from '../processor-graph.ts';
import type { DropReason, StreamRecord } from '../record.ts';
import { repartitionRecord, sourceRecord, tablesFirst } from '../source-record.ts';
import type { Topology } from '../topology.ts';
import type { ApplicationNames } from './application-names.ts';
import {
  type MessageDecoder,
  catalogueDecoder,
  eventTimeHeader,
  repartitionDecoder,
} from './message-decoder.ts';
import { unwrittenFieldLog } from './unwritten-field-log.ts';

/** A record on its way to one source of a task. */
export interface SourcedRecord {
  readonly sourceId: string;
  readonly record: StreamRecord;
}

/** One topic that tasks read, as all the sources that read it. */
export interface InputTopic {
  readonly topic: string;
  /** A table's records are taken in order of commit, an event stream's in order of event time. */
  readonly isTable: boolean;
  /** Read to its end of the moment whenever a task begins, before anything else. */
  readonly loadFirst?: boolean;
  /** Repartitioned records: the application's own. */
  readonly isInternal: boolean;
  readonly decoder: MessageDecoder;
  /** Ids of the nodes that read it. */
  readonly sources: readonly string[];
  /**
   * The records that the sources make of a message; what they refuse is told to `onDrop`. Null when the decoder has to
   * load the writer's schemas first.
   * @throws Failure `engine.undecodable` (stop), `pipeline.function_failed` (stop) of a function that says event time
   */
  admit(
    message: ConsumerRecord,
    onDrop: (nodeId: string, reason: DropReason) => void,
  ): readonly SourcedRecord[] | null;
}

/** The input topics of a set of nodes, in order of their names. */
export function inputTopics(
  topology: Topology,
  nodes: readonly PlanNode[],
  names: ApplicationNames,
  registry: SchemaRegistry,
  serdes: BodySerdes,
  log: Log,
): InputTopic[] {
  const bySource = new Map<string, SourceNode[]>();
  const inputs: InputTopic[] = [];
  for (const node of nodes) {
    if (node.operator === 'repartition-source') inputs.push(repartitionInput(topology, node, names, serdes));
    if (
      node.operator !== 'stream-source' &&
      node.operator !== 'table-source' &&
      node.operator !== 'global-source'
    )
      continue;
    const topic = names.catalogue(node.topic.name);
    bySource.set(topic, [...(bySource.get(topic) ?? []), node]);
  }
  for (const [topic, sources] of bySource)
    inputs.push(catalogueInput(topology, topic, sources, registry, log));
  return inputs.sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

function catalogueInput(
  topology: Topology,
  topic: string,
  sources: readonly SourceNode[],
  registry: SchemaRegistry,
  log: Log,
): InputTopic {
  const { topic: read } = must(sources[0], `no source reads ${topic}`);
  const decoder = catalogueDecoder(read, registry, unwrittenFieldLog(topic, read.value, registry, log));
  const timed = tablesFirst(sources).map((source) => ({
    source,
    time: timeOf(topology, source),
  }));
  return {
    topic,
    isTable: sources.every((source) => source.operator !== 'stream-source'),
    loadFirst: sources.some((source) => source.loadFirst === true),
    isInternal: false,
    decoder,
    sources: sources.map(({ id }) => id),
    admit(raw, onDrop) {
      const message = decoder.decode(raw);
      if (message === null) return null;
      const admitted: SourcedRecord[] = [];
      for (const { source, time } of timed) {
        const record = sourceRecord(source, time, message);
        if (typeof record === 'string') onDrop(source.id, record);
        else admitted.push({ sourceId: source.id, record });
      }
      return admitted;
    },
  };
}

function timeOf({ functions }: Topology, { id }: SourceNode): Call | null {
  const time = functions.get(id)?.['time'] as Call | undefined;
  return time === undefined ? null : guarded(id, 'time', time);
}

function repartitionInput(
  topology: Topology,
  source: RepartitionSourceNode,
  names: ApplicationNames,
  serdes: BodySerdes,
): InputTopic {
  const plan = must(
    topology.plan.repartitions.find(({ name }) => name === source.repartition),
    `no repartition ${source.repartition}`,
  );
  const decoder = repartitionDecoder(plan, serdes);
  return {
    topic: names.repartition(source.repartition),
    isTable: plan.form !== 'record',
    isInternal: true,
    decoder,
    sources: [source.id],
    admit(raw) {
      const message = decoder.decode(raw);
      if (message === null) return null;
      return [{ sourceId: source.id, record: repartitionRecord(plan.form, message, eventTimeHeader(raw)) }];
    },
  };
}
