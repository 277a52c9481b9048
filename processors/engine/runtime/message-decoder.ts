import type { ConsumerRecord } from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { FRAME_BYTES } from '../../../schemas/serde/wire-format.ts';
import { type BodySerdes, changeSchema } from '../body-serdes.ts';
import type { PlanRepartition, PlanTopic } from '../plan/plan.ts';
import type { Message } from '../source-record.ts';
import { placeOf } from './dead-letter.ts';
import type { UnwrittenFieldLog } from './unwritten-field-log.ts';

/** Header of a repartition topic's record: its event time, decimal text. The Kafka timestamp is the commit time. */
export const EVENT_TIME_HEADER = '__event_ts';

/** Reads the messages of one topic. */
export interface MessageDecoder {
  /** Null when the writers' schemas of the record have to be {@link load}ed first. @throws Failure `engine.undecodable` (stop) */
  decode(record: ConsumerRecord): Message | null;
  /** Fetches the writers' schemas that the record needs. @throws what the registry answers for one that it does not know */
  load(record: ConsumerRecord): Promise<void>;
}

/** A topic of the catalogue: framed keys and values of any compatible writer. */
export function catalogueDecoder(
  topic: PlanTopic,
  registry: SchemaRegistry,
  onNewSchema: UnwrittenFieldLog,
): MessageDecoder {
  const keys = AvroSerde.reader<unknown>(registry, topic.key);
  const values = AvroSerde.reader<unknown>(registry, topic.value);
  return {
    async load(record) {
      await load(keys, record, record.key);
      if (await load(values, record, record.value)) await onNewSchema();
    },
    decode(record) {
      const { key, value } = record;
      try {
        if (key !== null && keys.missing(key) !== null) return null;
        if (value !== null && values.missing(value) !== null) return null;
        return {
          key: key === null ? null : keys.decode(key),
          keyBody: key === null ? null : key.subarray(FRAME_BYTES),
          value: value === null ? null : values.decode(value),
          timestamp: record.timestamp,
        };
      } catch (error) {
        throw undecodable(record, error);
      }
    },
  };
}

/** A repartition topic: bodies that this application wrote itself. */
export function repartitionDecoder(topic: PlanRepartition, serdes: BodySerdes): MessageDecoder {
  const keys = serdes(topic.key);
  const values = serdes(topic.form === 'change' ? changeSchema(topic.value) : topic.value);
  return {
    load: () => Promise.resolve(),
    decode(record) {
      const { key, value } = record;
      try {
        return {
          key: key === null ? null : keys.decodeBody(key),
          keyBody: key,
          value: value === null ? null : values.decodeBody(value),
          timestamp: record.timestamp,
        };
      } catch (error) {
        throw undecodable(record, error);
      }
    },
  };
}

/** @throws Failure `engine.undecodable` (stop): the header is missing or no time, so somebody else wrote the record */
export function eventTimeHeader(record: ConsumerRecord): number {
  return located(record, () => {
    const header = record.headers.find(({ key }) => key === EVENT_TIME_HEADER)?.value;
    if (header === undefined || header === null) throw new TypeError(`no header ${EVENT_TIME_HEADER}`);
    const time = Number(header.toString('latin1'));
    if (header.length === 0 || !Number.isSafeInteger(time))
      throw new TypeError(`${EVENT_TIME_HEADER} is no time`);
    return time;
  });
}

/** False where the schema is known, or there is none. */
async function load(
  serde: AvroSerde<unknown>,
  record: ConsumerRecord,
  bytes: Buffer | null,
): Promise<boolean> {
  if (bytes === null) return false;
  const id = located(record, () => serde.missing(bytes));
  if (id !== null) await serde.load(id);
  return id !== null;
}

function located<T>(record: ConsumerRecord, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw undecodable(record, error);
  }
}

export function undecodable(record: ConsumerRecord, cause: unknown): Failure {
  return new Failure('engine.undecodable', 'stop', `the record at ${placeOf(record)} cannot be decoded`, {
    cause,
    fix: 'find out who wrote it; to go on without such records: --deserialization-error dlq, or skip',
  });
}
