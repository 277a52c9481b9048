import type { ConsumerRecord } from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { FRAME_BYTES } from '../../../schemas/serde/wire-format.ts';
import { type BodySerdes, changeSchema } from '../body-serdes.ts';
import type { PlanRepartition, PlanTopic } from '../plan/plan.ts';
import type { Message } from '../source-record.ts';

/** Header of a repartition topic's record: its event time, decimal text. The Kafka timestamp is the commit time. */
export const EVENT_TIME_HEADER = '__event_ts';

/** Reads the messages of one topic. */
export interface MessageDecoder {
  /** Fetches the writers' schemas that the records need. To be called before {@link decode}. */
  prepare(records: readonly ConsumerRecord[]): Promise<void>;
  /** @throws Failure `engine.undecodable` (stop) */
  decode(record: ConsumerRecord): Message;
}

/** A topic of the catalogue: framed keys and values of any compatible writer. */
export function catalogueDecoder(topic: PlanTopic, registry: SchemaRegistry): MessageDecoder {
  const keys = AvroSerde.reader<unknown>(registry, topic.key);
  const values = AvroSerde.reader<unknown>(registry, topic.value);
  return {
    async prepare(records) {
      for (const record of records) {
        await load(keys, record, record.key);
        await load(values, record, record.value);
      }
    },
    decode: (record) =>
      located(record, () => ({
        key: record.key === null ? null : keys.decode(record.key),
        keyBody: record.key === null ? null : record.key.subarray(FRAME_BYTES),
        value: record.value === null ? null : values.decode(record.value),
        timestamp: record.timestamp,
      })),
  };
}

/** A repartition topic: bodies that this application wrote itself. */
export function repartitionDecoder(topic: PlanRepartition, serdes: BodySerdes): MessageDecoder {
  const keys = serdes(topic.key);
  const values = serdes(topic.form === 'change' ? changeSchema(topic.value) : topic.value);
  return {
    prepare: () => Promise.resolve(),
    decode: (record) =>
      located(record, () => ({
        key: record.key === null ? null : keys.decodeBody(record.key),
        keyBody: record.key,
        value: record.value === null ? null : values.decodeBody(record.value),
        timestamp: record.timestamp,
      })),
  };
}

/** @throws Failure `engine.undecodable` (stop): the header is missing, so somebody else wrote the record */
export function eventTimeHeader(record: ConsumerRecord): number {
  return located(record, () => {
    const header = record.headers.find(({ key }) => key === EVENT_TIME_HEADER)?.value;
    if (header === undefined || header === null) throw new TypeError(`no header ${EVENT_TIME_HEADER}`);
    return Number(header.toString('latin1'));
  });
}

async function load(serde: AvroSerde<unknown>, record: ConsumerRecord, bytes: Buffer | null): Promise<void> {
  if (bytes === null) return;
  const id = located(record, () => serde.missing(bytes));
  if (id !== null) await serde.load(id);
}

function located<T>(record: ConsumerRecord, step: () => T): T {
  try {
    return step();
  } catch (error) {
    const place = `${record.topic}[${record.partition}] offset ${record.offset}`;
    throw new Failure('engine.undecodable', 'stop', `the record at ${place} cannot be decoded`, {
      cause: error,
      fix: 'find out who wrote it; to go on without it, move the committed offset of the group past it',
    });
  }
}
