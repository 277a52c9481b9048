import { must } from '../../infra/process/assert.ts';
import { Failure, orderFor } from '../../infra/process/failure.ts';
import type { AvroSchema } from '../../schemas/avro-schema.ts';
import { isDebeziumEnvelope, rowRecord } from '../../schemas/debezium-event.ts';
import { AvroSerde } from '../../schemas/serde/avro-serde.ts';
import { toPlainJson } from '../../schemas/serde/plain-json.ts';
import type { SchemaRegistry } from '../../schemas/serde/schema-registry.ts';
import { FRAME_BYTES, bodyOf, schemaIdOf } from '../../schemas/serde/wire-format.ts';
import type { ConsumerRecord } from '../kafka/port.ts';
import { type AvroScan, NULL_PLACE, Places, avroScan } from './avro-scan.ts';
import type { Change, Fields } from './batch.ts';
import { RawChange } from './raw-change.ts';
import { absentFields, withNewest } from './newest-schema.ts';
import { specialsOf, withSpecials } from './special-text.ts';
import { isTruncation, metaOfEvent, rowOf, unavailable, withoutPlaceholders } from './debezium-change.ts';
import { metaOfRow, metaOfTombstone } from './meta-columns.ts';
import { KEY_COLUMN, type TableName, type TargetTable, VALUE_COLUMN, describeTable } from './target-table.ts';

const NOTHING: readonly string[] = [];

/** More schemas that nobody has registered are no matter of single records. */
const UNUSABLE_MAX = 1_000;

interface Writer {
  readonly serde: AvroSerde<unknown>;
  readonly schema: AvroSchema;
  /** A bare value is wrapped, so that everything after it sees fields. */
  readonly isRecord: boolean;
  /** Fields that the table has and this schema has not. */
  absent: readonly string[];
  readonly isDebezium: boolean;
  readonly scan: AvroScan;
}

/** Key and value of a record as JSON text, as far as they can be read. */
export interface ReadableRecord {
  readonly key: string | null;
  readonly value: string | null;
}

/**
 * Decodes the records of one topic, each with the schema it was written with, and follows those schemas with the
 * description of the topic's table.
 */
export class TopicReader {
  readonly topic: string;
  readonly #registry: SchemaRegistry;
  readonly #name: TableName;
  readonly #keepsMeta: boolean;
  readonly #keys = new Map<number, Writer>();
  readonly #values = new Map<number, Writer>();
  #places = new Places(0);
  /** Why schemas cannot be used. Each batch asks for those that it names once more; the one before it may still be at work. */
  readonly #unusable = new Map<number, Error>();
  #asked = new Set<number>();
  #hasDebezium = false;
  #table: TargetTable | null = null;

  /** @param keepsMeta the table has meta columns, so changes say where they are from */
  constructor(topic: string, name: TableName, registry: SchemaRegistry, keepsMeta = false) {
    this.topic = topic;
    this.#name = name;
    this.#registry = registry;
    this.#keepsMeta = keepsMeta;
  }

  /** Null until a key schema is known. */
  get table(): TargetTable | null {
    return this.#table;
  }

  /** As if no record had been read: what comes, and the newest schema, say again which columns there are. */
  forget(): void {
    this.#keys.clear();
    this.#values.clear();
    this.#table = null;
  }

  /** Describes the table by the newest registered schemas, so that it exists before the first record comes. */
  async loadNewest(): Promise<void> {
    const key = await this.#registry.latest(`${this.topic}-key`);
    if (key === null) return;
    const value = await this.#registry.latest(`${this.topic}-value`);
    if (value !== null) this.#hasDebezium ||= isDebeziumEnvelope(value.schema);
    const row = value === null ? null : rowRecord(value.schema);
    const table = describeTable(this.#name, key.schema, row, this.#table);
    this.#table = row === null ? table : withNewest(table, row);
  }

  /**
   * Loads the schemas that the records need, as far as they are new, and lets the table's description follow.
   * @throws Failure what describeTable and the registry throw
   */
  async prepare(records: readonly ConsumerRecord[]): Promise<void> {
    const before = this.#table;
    this.#asked = new Set();
    for (const record of records) {
      const keyId = frameIdOf(record.key);
      const valueId = frameIdOf(record.value);
      if (this.#knows(keyId, valueId)) continue;
      const value = valueId === null ? null : await this.#writer(this.#values, valueId);
      const key = keyId === null ? null : await this.#writer(this.#keys, keyId);
      if (key === null || (value === null && valueId !== null)) continue;
      const row = value === null ? null : rowRecord(value.schema);
      this.#table = describeTable(this.#name, key.schema, row, this.#table);
    }
    if (this.#table !== null && this.#table !== before) await this.#renewed(this.#table);
  }

  /** Whether {@link prepare} has nothing to load for the record. */
  knows({ key, value }: ConsumerRecord): boolean {
    const isKnown = (known: ReadonlyMap<number, Writer>, id: number | null): boolean =>
      id === null || known.has(id) || this.#unusable.has(id);
    return isKnown(this.#keys, frameIdOf(key)) && isKnown(this.#values, frameIdOf(value));
  }

  /** To be called before the records of a batch. */
  begin(): void {
    this.#places = new Places(this.#places.length);
  }

  async #renewed(table: TargetTable): Promise<void> {
    const newest = await this.#registry.latest(`${this.topic}-value`);
    const row = newest === null ? null : rowRecord(newest.schema);
    this.#table = row === null ? table : withNewest(table, row);
    for (const writer of this.#values.values()) writer.absent = absentFields(table, rowRecord(writer.schema));
  }

  /**
   * @throws Failure `sink.poison` (dead-letter) for a prepared record whose bytes are not what its schema says, and
   * `sink.no_key` (stop)
   */
  decode(record: ConsumerRecord): Change {
    const keyBytes = record.key;
    if (keyBytes === null) return this.#keyless(record);
    const raw = this.raw(record);
    if (raw !== null) return raw;
    const key = this.#decoded(this.#keys, keyBytes, KEY_COLUMN, record);
    return this.#change(bodyOf(keyBytes).toString('latin1'), key, record);
  }

  /** For people. What cannot be read is null, and a NUL is the replacement character U+FFFD. */
  readable(record: ConsumerRecord): ReadableRecord {
    return { key: jsonOf(this.#keys, record.key), value: jsonOf(this.#values, record.value) };
  }

  #knows(keyId: number | null, valueId: number | null): boolean {
    return (keyId === null || this.#keys.has(keyId)) && (valueId === null || this.#values.has(valueId));
  }

  /**
   * A record without decoding it. Null for what has to be decoded: Debezium's envelope, bytes that are not what their schema
   * says, and a schema that is not known.
   */
  raw(record: ConsumerRecord): RawChange | null {
    const { key: keyBytes, value: valueBytes, headers } = record;
    if (keyBytes === null) return null;
    const keyScan = scanOf(this.#keys, keyBytes);
    const valueScan = valueBytes === null ? null : scanOf(this.#values, valueBytes);
    if (keyScan === null || (valueBytes !== null && valueScan === null)) return null;
    const places = this.#places;
    const keyFirst = keyScan.add(keyBytes, places);
    const valueFirst = valueBytes === null ? 0 : (valueScan?.add(valueBytes, places) ?? -1);
    if (keyFirst < 0 || valueFirst < 0) return null;
    const unchanged =
      valueBytes === null || valueScan === null
        ? NOTHING
        : this.#unchangedIn(valueBytes, valueScan, valueFirst);
    return new RawChange({
      keyBody: keyBytes.toString('latin1', FRAME_BYTES),
      keyBytes,
      keyScan,
      keyFirst,
      valueBytes,
      valueScan,
      valueFirst,
      places,
      unchanged,
      meta: valueScan === null ? this.#metaOfTombstone(record) : undefined,
      specials: headers.length === 0 || valueBytes === null ? null : specialsIn(headers, record),
    }).withMeta(this.#keepsMeta);
  }

  #unchangedIn(bytes: Buffer, scan: AvroScan, first: number): readonly string[] {
    const absent = this.#values.get(schemaIdOf(bytes))?.absent ?? NOTHING;
    const index = scan.indexOf('__unchanged');
    const at = index < 0 ? NULL_PLACE : (this.#places.values[first + index] as number);
    if (at === NULL_PLACE || bytes[at] === 0) return absent;
    const named = scan.decode(index, bytes, at);
    return joined(Array.isArray(named) ? named : NOTHING, absent);
  }

  #change(keyBody: string, key: Fields, record: ConsumerRecord): Change {
    const bytes = record.value;
    if (bytes === null)
      return { keyBody, key, row: null, unchanged: NOTHING, meta: this.#metaOfTombstone(record) };
    const row = this.#decoded(this.#values, bytes, VALUE_COLUMN, record);
    const absent = this.#values.get(schemaIdOf(bytes))?.absent ?? NOTHING;
    if (this.#isDebezium(bytes)) return this.#debeziumChange(keyBody, key, row, absent, record);
    const named = row['__unchanged'];
    const unchanged = joined(Array.isArray(named) ? named : NOTHING, absent);
    const meta = this.#keepsMeta ? metaOfRow(row) : undefined;
    return { keyBody, key, row: whole(row, record), unchanged, meta };
  }

  #debeziumChange(
    keyBody: string,
    key: Fields,
    event: Fields,
    absent: readonly string[],
    record: ConsumerRecord,
  ): Change {
    let meta: Change['meta'];
    let row: Fields | null;
    let unchanged = NOTHING;
    try {
      if (this.#keepsMeta) meta = metaOfEvent(event);
      row = rowOf(event);
      if (row !== null) {
        const notSent = unavailable(row, record.headers);
        if (notSent.length > 0) row = withoutPlaceholders(row);
        unchanged = joined(notSent, absent);
      }
    } catch (error) {
      throw poison(record, error);
    }
    return { keyBody, key, row: row === null ? null : whole(row, record), unchanged, meta };
  }

  /** In the debezium envelope the event before it says where the deletion was, in another count of LSNs than the header. */
  #metaOfTombstone({ headers }: ConsumerRecord): Change['meta'] {
    return this.#keepsMeta && !this.#hasDebezium ? metaOfTombstone(headers) : undefined;
  }

  #isDebezium(value: Buffer): boolean {
    const id = frameIdOf(value);
    return id !== null && this.#values.get(id)?.isDebezium === true;
  }

  #keyless(record: ConsumerRecord): Change {
    const bytes = record.value;
    const isTold =
      bytes !== null &&
      this.#isDebezium(bytes) &&
      isTruncation(this.#decoded(this.#values, bytes, VALUE_COLUMN, record));
    if (isTold) return { keyBody: '', key: {}, row: null, unchanged: NOTHING, isTruncate: true };
    throw noKey(record);
  }

  #decoded(
    writers: ReadonlyMap<number, Writer>,
    bytes: Buffer,
    column: string,
    record: ConsumerRecord,
  ): Fields {
    const id = frameIdOf(bytes);
    if (id === null) throw poison(record, new RangeError('the bytes do not begin with the Confluent frame'));
    const unusable = writers.has(id) ? undefined : this.#unusable.get(id);
    if (unusable !== undefined) throw poison(record, unusable);
    const writer = must(writers.get(id), 'prepare() was not called for this schema');
    try {
      const value = writer.serde.decode(bytes);
      return writer.isRecord ? (value as Fields) : { [column]: value };
    } catch (error) {
      throw poison(record, error);
    }
  }

  /** Null for a schema that the registry does not have, or that is none: then the records that name it are at fault. */
  async #writer(known: Map<number, Writer>, id: number): Promise<Writer | null> {
    const writer = known.get(id);
    if (writer !== undefined) return writer;
    if (this.#asked.has(id)) return null;
    try {
      const loaded = await this.#loaded(id, known === this.#keys ? KEY_COLUMN : VALUE_COLUMN);
      this.#hasDebezium ||= loaded.isDebezium;
      known.set(id, loaded);
      return loaded;
    } catch (error) {
      if (orderFor(error) === 'retry' || !(error instanceof Error)) throw error;
      this.#asked.add(id);
      if (this.#unusable.size < UNUSABLE_MAX || this.#unusable.has(id)) this.#unusable.set(id, error);
      else throw error;
      return null;
    }
  }

  async #loaded(id: number, column: string): Promise<Writer> {
    const schema = await this.#registry.schemaById(id);
    const serde = AvroSerde.reader<unknown>(this.#registry, schema);
    await serde.load(id);
    const isRecord = typeof schema === 'object' && 'fields' in schema;
    const scan = avroScan(schema, column);
    return { serde, schema, isRecord, isDebezium: isDebeziumEnvelope(schema), absent: NOTHING, scan };
  }
}

/** Null where a record of the schema has to be decoded. */
function scanOf(writers: ReadonlyMap<number, Writer>, bytes: Buffer): AvroScan | null {
  const id = frameIdOf(bytes);
  const writer = id === null ? undefined : writers.get(id);
  return writer === undefined || writer.isDebezium ? null : writer.scan;
}

function specialsIn(headers: ConsumerRecord['headers'], record: ConsumerRecord): RawChange['specials'] {
  try {
    return specialsOf(headers);
  } catch (error) {
    throw poison(record, error);
  }
}

/** With the special values that the headers tell. */
function whole(row: Fields, record: ConsumerRecord): Fields {
  if (record.headers.length === 0) return row;
  try {
    return withSpecials(row, record.headers);
  } catch (error) {
    throw poison(record, error);
  }
}

/** Most records have neither. */
function joined(named: readonly string[], absent: readonly string[]): readonly string[] {
  if (absent.length === 0) return named.length === 0 ? NOTHING : named;
  return [...named, ...absent];
}

/** Null for no bytes, and for bytes that are not framed. */
function frameIdOf(bytes: Buffer | null): number | null {
  return bytes === null || bytes.length < FRAME_BYTES || bytes[0] !== 0 ? null : schemaIdOf(bytes);
}

function jsonOf(writers: ReadonlyMap<number, Writer>, bytes: Buffer | null): string | null {
  const id = frameIdOf(bytes);
  const writer = id === null ? undefined : writers.get(id);
  if (writer === undefined || bytes === null) return null;
  try {
    return withoutNul(JSON.stringify(toPlainJson(writer.schema, writer.serde.decode(bytes))));
  } catch (error) {
    // such bytes are why the record is looked at; the bytes themselves are kept
    if (error instanceof Error) return null;
    throw error;
  }
}

/** jsonb takes no NUL in a string, and a reason to be here is that text takes none either. */
function withoutNul(json: string): string {
  return json.replaceAll(/\\(?:u0000|.)/g, (escape) => (escape === String.raw`\u0000` ? '\uFFFD' : escape));
}

function noKey(record: ConsumerRecord): Failure {
  return new Failure(
    'sink.no_key',
    'stop',
    `${placeOf(record)} has no key, so there is no row that it stands for`,
    {
      fix: 'give the source table a primary key, or key the topic; a sink table holds one row per key',
    },
  );
}

function poison(record: ConsumerRecord, cause: unknown): Failure {
  return new Failure('sink.poison', 'dead-letter', `${placeOf(record)} cannot be decoded`, {
    cause,
    fix:
      'find the producer that does not write the Confluent wire format of a registered schema; nothing was skipped. ' +
      'To go on without such records: --bad-rows dead-letter',
  });
}

function placeOf(record: ConsumerRecord): string {
  return `the record at offset ${record.offset} of ${record.topic}, partition ${record.partition},`;
}
