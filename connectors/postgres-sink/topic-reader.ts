import { Failure } from '../../infra/process/failure.ts';
import { must } from '../../infra/process/assert.ts';
import type { AvroSchema } from '../../schemas/avro-schema.ts';
import { isDebeziumEnvelope } from '../../schemas/debezium-event.ts';
import { AvroSerde } from '../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../schemas/serde/schema-registry.ts';
import { bodyOf, schemaIdOf } from '../../schemas/serde/wire-format.ts';
import type { ConsumerRecord } from '../kafka/port.ts';
import type { Change, Fields } from './batch.ts';
import { absentFields, withNewest } from './newest-schema.ts';
import { withSpecials } from './special-text.ts';
import { KEY_COLUMN, type TableName, type TargetTable, VALUE_COLUMN, describeTable } from './target-table.ts';

const NOTHING: readonly string[] = [];

interface Writer {
  readonly serde: AvroSerde<unknown>;
  readonly schema: AvroSchema;
  /** A bare value is wrapped, so that everything after it sees fields. */
  readonly isRecord: boolean;
  /** Fields that the table has and this schema has not. */
  absent: readonly string[];
}

/**
 * Decodes the records of one topic, each with the schema it was written with, and follows those schemas with the
 * description of the topic's table.
 */
export class TopicReader {
  readonly topic: string;
  readonly #registry: SchemaRegistry;
  readonly #name: TableName;
  readonly #keys = new Map<number, Writer>();
  readonly #values = new Map<number, Writer>();
  #table: TargetTable | null = null;

  constructor(topic: string, name: TableName, registry: SchemaRegistry) {
    this.topic = topic;
    this.#name = name;
    this.#registry = registry;
  }

  /** Null until a key schema is known. */
  get table(): TargetTable | null {
    return this.#table;
  }

  /** Describes the table by the newest registered schemas, so that it exists before the first record comes. */
  async loadNewest(): Promise<void> {
    const key = await this.#registry.latest(`${this.topic}-key`);
    if (key === null) return;
    const value = await this.#registry.latest(`${this.topic}-value`);
    if (value !== null) refuseDebezium(this.topic, value.schema);
    const table = describeTable(this.#name, key.schema, value?.schema ?? null, this.#table);
    this.#table = value === null ? table : withNewest(table, value.schema);
  }

  /**
   * Loads the schemas that the records need, as far as they are new, and lets the table's description follow.
   * @throws Failure `sink.poison`, `sink.no_key`, `sink.envelope`, and what describeTable throws (stop)
   */
  async prepare(records: readonly ConsumerRecord[]): Promise<void> {
    const before = this.#table;
    for (const record of records) {
      if (this.#knows(record)) continue;
      const key = await this.#writer(this.#keys, schemaIdOf(keyOf(record)));
      const value = record.value === null ? null : await this.#writer(this.#values, schemaIdOf(record.value));
      this.#table = describeTable(this.#name, key.schema, value?.schema ?? null, this.#table);
    }
    if (this.#table !== null && this.#table !== before) await this.#renewed(this.#table);
  }

  async #renewed(table: TargetTable): Promise<void> {
    const newest = await this.#registry.latest(`${this.topic}-value`);
    this.#table = newest === null ? table : withNewest(table, newest.schema);
    for (const writer of this.#values.values()) writer.absent = absentFields(table, writer.schema);
  }

  /** @throws Failure `sink.poison` (stop) for a prepared record whose bytes are not what its schema says */
  decode(record: ConsumerRecord): Change {
    const keyBytes = keyOf(record);
    const keyWriter = must(
      this.#keys.get(schemaIdOf(keyBytes)),
      'prepare() was not called for this key schema',
    );
    const key = decoded(keyWriter, keyBytes, KEY_COLUMN, record);
    const row = record.value === null ? null : this.#row(record, record.value);
    const unchanged = row?.['__unchanged'];
    const absent =
      record.value === null ? NOTHING : (this.#values.get(schemaIdOf(record.value))?.absent ?? NOTHING);
    const named: readonly string[] = Array.isArray(unchanged) && unchanged.length > 0 ? unchanged : NOTHING;
    return {
      keyBody: bodyOf(keyBytes).toString('latin1'),
      key,
      row,
      unchanged: absent.length === 0 ? named : [...named, ...absent],
    };
  }

  #knows(record: ConsumerRecord): boolean {
    const key = keyOf(record);
    try {
      return (
        this.#keys.has(schemaIdOf(key)) &&
        (record.value === null || this.#values.has(schemaIdOf(record.value)))
      );
    } catch (error) {
      throw poison(record, error);
    }
  }

  #row(record: ConsumerRecord, bytes: Buffer): Fields {
    const writer = must(
      this.#values.get(schemaIdOf(bytes)),
      'prepare() was not called for this value schema',
    );
    const row = decoded(writer, bytes, VALUE_COLUMN, record);
    if (record.headers.length === 0) return row;
    try {
      return withSpecials(row, record.headers);
    } catch (error) {
      throw poison(record, error);
    }
  }

  async #writer(known: Map<number, Writer>, id: number): Promise<Writer> {
    const writer = known.get(id);
    if (writer !== undefined) return writer;
    const schema = await this.#registry.schemaById(id);
    refuseDebezium(this.topic, schema);
    const serde = AvroSerde.reader<unknown>(this.#registry, schema);
    await serde.load(id);
    const loaded = {
      serde,
      schema,
      isRecord: typeof schema === 'object' && 'fields' in schema,
      absent: NOTHING,
    };
    known.set(id, loaded);
    return loaded;
  }
}

/** Its columns would be before, after, source and op. */
function refuseDebezium(topic: string, schema: AvroSchema): void {
  if (!isDebeziumEnvelope(schema)) return;
  throw new Failure(
    'sink.envelope',
    'stop',
    `topic ${topic} has Debezium's envelope, and the sink reads rows`,
    {
      fix: "let the source write --envelope row under another topic prefix, or take Debezium's JDBC sink",
    },
  );
}

function keyOf(record: ConsumerRecord): Buffer {
  if (record.key !== null) return record.key;
  throw new Failure(
    'sink.no_key',
    'stop',
    `${place(record)} has no key, so there is no row that it stands for`,
    {
      fix: 'give the source table a primary key, or key the topic; a sink table holds one row per key',
    },
  );
}

function decoded(writer: Writer, bytes: Buffer, column: string, record: ConsumerRecord): Fields {
  try {
    const value = writer.serde.decode(bytes);
    return writer.isRecord ? (value as Fields) : { [column]: value };
  } catch (error) {
    throw poison(record, error);
  }
}

function poison(record: ConsumerRecord, cause: unknown): Failure {
  return new Failure('sink.poison', 'stop', `${place(record)} cannot be decoded`, {
    cause,
    fix: 'find the producer that does not write the Confluent wire format of a registered schema; nothing was skipped',
  });
}

function place(record: ConsumerRecord): string {
  return `the record at offset ${record.offset} of ${record.topic}, partition ${record.partition},`;
}
