import { Failure } from '../../../infra/process/failure.ts';
import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { Kafka, TopicSpec } from '../../kafka/port.ts';
import { BadRows, type BadRowsOptions } from '../records/bad-rows.ts';
import type { Catalog, PublishedTable } from './catalog.ts';
import { columnMask } from '../records/column-mask.ts';
import { type KnownColumns, knownColumns, refuseUnprotected } from './column-protection.ts';
import { deadLetterTopic } from '../records/dead-letter.ts';
import { DebeziumEnvelope } from '../records/debezium-envelope.ts';
import { debeziumTable } from '../records/debezium-schema.ts';
import { DebeziumSource } from '../records/debezium-source.ts';
import type { EndOffsets } from '../place/end-offsets.ts';
import type { EnvelopeOptions } from '../records/envelope-options.ts';
import { incompatiblePolicy } from './incompatible-policy.ts';
import { messageKeyOf, refuseSharedKey, refuseUnmatchedKeys } from './message-key.ts';
import type { ShapePlace } from './refusal-state.ts';
import { type Relation, relationFingerprint } from '../changes/relation.ts';
import { RowEncoder } from '../records/row-encoder.ts';
import {
  type AdmittedShape,
  type OpenedShape,
  ShapeAdmission,
  type ShapeAdmissionOptions,
} from './shape-admission.ts';
import type { RecordList } from '../../kafka/record-list.ts';
import { Slab } from '../records/slab.ts';
import {
  type FilterOptions,
  type TableShape,
  hasColumnPatterns,
  includesTable,
  policyOf,
  refuseUnmatched,
} from './source-filter.ts';
import { type ColumnTreatment, type RelationDetails, type TableSchema, tableSchema } from './table-schema.ts';
import {
  type ToastPolicies,
  refuseUnmatchedToast,
  refuseUnsentToast,
  toastPolicyOf,
} from '../toast/toast-policy.ts';
import { outOfLineColumns } from '../toast/toast-shape.ts';
import { RECORD_BYTES_MAX, TableTopics } from './table-topics.ts';
import { tableTopicName, versionedTopicName } from './topics.ts';
import { type TypePolicy, unmatchedRules } from '../types/type-policy.ts';

export interface SchemaBookOptions
  extends
    FilterOptions,
    TypePolicy,
    EnvelopeOptions,
    ToastPolicies,
    ShapeAdmissionOptions,
    Omit<BadRowsOptions, 'onDeadLetter'> {
  readonly catalog: Catalog;
  readonly registry: SchemaRegistry;
  readonly kafka: Kafka;
  readonly ends: EndOffsets;
  /** Of topics that are made here. */
  readonly partitions: number;
  /** Name of the source database. */
  readonly database: string;
}

/** No relation's fingerprint. */
const UNANNOUNCED = '';

interface Entry {
  readonly fingerprint: string;
  /** Null of a relation that is filtered out, or paused. */
  readonly encoder: RowEncoder | null;
  readonly paused: RowEncoder | null;
  readonly relation: Relation;
}

const FILTERED: AdmittedShape = { encoder: null, paused: null };

/** Relation oid to shape to registry ids to encoder. A shape is registered once; a relation that says nothing new, never. */
export class SchemaBook {
  readonly #options: SchemaBookOptions;
  readonly #entries = new Map<number, Entry>();
  readonly #slab = new Slab();
  readonly #badRows: BadRows;
  /** Null of the row envelope. */
  readonly #debezium: DebeziumSource | null;
  /** Of shapes that are refused. */
  readonly #letters: BadRows;
  readonly #admission: ShapeAdmission;
  readonly #topics: TableTopics;
  #last: { readonly oid: number; readonly encoder: RowEncoder | null } | null = null;

  constructor(options: SchemaBookOptions) {
    this.#options = options;
    this.#topics = new TableTopics(options);
    this.#debezium = DebeziumSource.of(options);
    const badRows = {
      ...options,
      onDeadLetter: (schema: string, table: string) => options.metrics.deadLetter(schema, table),
    };
    this.#badRows = new BadRows(badRows);
    this.#letters = new BadRows({ ...badRows, onBadRow: 'dead-letter' });
    this.#admission = new ShapeAdmission(options);
  }

  /** Records of ours are in Kafka; `waiting` is what others are in that are not. */
  published(records: RecordList, waiting: ReadonlySet<Buffer>): void {
    this.#slab.reuse(records.buffers(), waiting);
  }

  /**
   * The tables that the filters let through, of those whose rows are published as such.
   * @throws Failure `source.filter_unmatched`, `source.toast_unmatched` when a pattern or a name matches nothing of the
   * publication
   */
  async select(
    published: readonly PublishedTable[],
    tables: readonly PublishedTable[],
  ): Promise<readonly PublishedTable[]> {
    const shapes: TableShape[] = [];
    for (const table of tables) shapes.push(await this.#options.catalog.relation(table));
    // A column that was dropped while nobody looked is still in WAL that is to be read: its pattern must stay.
    if (hasColumnPatterns(this.#options)) shapes.push(...(await this.#earlierShapes(tables)));
    refuseUnmatched(this.#options, published, shapes);
    refuseUnmatchedToast(this.#options, published);
    refuseUnmatchedKeys(this.#options, published);
    await this.#refuseUnmatchedRules(shapes.filter((table) => includesTable(this.#options, table)));
    return tables.filter((table) => includesTable(this.#options, table));
  }

  /** A rule for a column that is gone may still be needed: rows that have it may be in WAL that is to be read. */
  async #refuseUnmatchedRules(shapes: readonly TableShape[]): Promise<void> {
    let unmatched = unmatchedRules(this.#options, shapes);
    if (unmatched.length === 0) return;
    const earlier: TableShape[] = [];
    for (const { schema, table } of shapes) {
      if (!unmatched.some((name) => name.startsWith(`${schema}.${table}.`))) continue;
      const latest = await this.#options.registry.latest(`${this.topicOf({ schema, table })}-value`);
      const names = latest === null ? [] : knownColumns(latest.schema).all;
      earlier.push({ schema, table, columns: names.map((name) => ({ name })) });
    }
    unmatched = unmatchedRules(this.#options, [...shapes, ...earlier]);
    if (unmatched.length === 0) return;
    throw new Failure(
      'source.filter_unmatched',
      'stop',
      `--column-types names ${unmatched.length} column(s) that no published table has: ${unmatched.join(', ')}`,
      {
        fix: 'correct the name: schema.table.column of a table that is read, in the letter case of the database',
      },
    );
  }

  /** Tables as their newest value schemas have them. */
  async #earlierShapes(tables: readonly PublishedTable[]): Promise<TableShape[]> {
    const shapes: TableShape[] = [];
    for (const { schema, table } of tables) {
      const known = await this.#known({ schema, table });
      if (known !== null) shapes.push({ schema, table, columns: known.protected.map((name) => ({ name })) });
    }
    return shapes;
  }

  /** The table's topic in its present version. */
  topicOf(table: Pick<Relation, 'schema' | 'table'>): string {
    const { topicPrefix, refusals } = this.#options;
    const version = refusals.version(`${table.schema}.${table.table}`);
    return versionedTopicName(tableTopicName(topicPrefix, table), version);
  }

  async #known(table: Pick<Relation, 'schema' | 'table'>): Promise<KnownColumns | null> {
    const latest = await this.#options.registry.latest(`${this.topicOf(table)}-value`);
    return latest === null ? null : knownColumns(latest.schema);
  }

  /** The encoder of the relation's present shape; null when the relation is filtered out. */
  encoder(oid: number): RowEncoder | null | undefined {
    if (this.#last?.oid === oid) return this.#last.encoder;
    const entry = this.#entries.get(oid);
    if (entry !== undefined) this.#last = { oid, encoder: entry.encoder };
    return entry?.encoder;
  }

  /** Those that it has shapes of and that are not filtered out. */
  get relations(): readonly Relation[] {
    const known = [...this.#entries.values()];
    return known
      .filter(({ encoder, paused }) => (encoder ?? paused) !== null)
      .map(({ relation }) => relation);
  }

  /** True when rows of this relation can be encoded as it says. */
  knows(relation: Relation): boolean {
    return this.#entries.get(relation.oid)?.fingerprint === relationFingerprint(relation);
  }

  /** Tells the ends of rows of a table that is paused; undefined for any other. */
  paused(oid: number): RowEncoder | undefined {
    return this.#entries.get(oid)?.paused ?? undefined;
  }

  /** The shape that a topic did not take, while it is the table's present one; else null. */
  refused(oid: number): Relation | null {
    const entry = this.#entries.get(oid);
    if (entry === undefined) return null;
    const refusal = (entry.paused ?? entry.encoder)?.refusal ?? null;
    return refusal === null ? null : entry.relation;
  }

  /** True when this very shape was refused. */
  refuses(relation: Relation): boolean {
    return this.refused(relation.oid) !== null && this.knows(relation);
  }

  /**
   * Takes a relation's shape over: catalog, topic, registry. Rows behind it wait until this resolves. Null for a
   * relation that is filtered out, or paused. `at` is where the stream announces it; null for one that the catalog has
   * and the stream has not come to, which is no news when it is refused.
   * @throws Failure `registry.*`, `kafka.topic_drift`, `source.key_policy`, `source.column_unprotected`,
   * `source.key_lost`, `source.key_gained`, `source.toast_identity`
   */
  async adopt(relation: Relation, at: ShapePlace | null = null): Promise<RowEncoder | null> {
    const shape = includesTable(this.#options, relation) ? await this.#admit(relation, at) : FILTERED;
    if (shape === null) return null;
    this.#entries.set(relation.oid, { fingerprint: relationFingerprint(relation), relation, ...shape });
    this.#last = null;
    return shape.encoder;
  }

  /**
   * Begins with the tables as they are where nothing was streamed yet; else the stream tells their shapes itself. A table
   * that is paused waits for a shape that is taken.
   */
  async begin(tables: readonly PublishedTable[], fresh: boolean): Promise<void> {
    const { catalog, refusals } = this.#options;
    for (const table of tables) {
      const relation = await catalog.relation(table);
      const isPaused = refusals.paused(`${table.schema}.${table.table}`) !== undefined;
      await (fresh || isPaused ? this.adopt(relation) : this.#prepare(relation));
    }
  }

  /**
   * Makes the topic of a relation ready, with no word to the registry: the catalog is from the future, and a shape that
   * is registered before its time may keep out earlier ones that are still to be read from the WAL. Rows wait for
   * {@link adopt} all the same.
   * @throws Failure `kafka.topic_drift`, `source.key_policy`, `source.column_unprotected`
   */
  async #prepare(relation: Relation): Promise<void> {
    const details = await this.#options.catalog.details(relation);
    const table = this.#table(relation, details);
    const version = this.#options.refusals.version(`${table.schema}.${table.table}`);
    const spec = this.#topics.specOf(table, version);
    await this.#refuseUnprotected(relation);
    // A topic that is not made for such rows is a refusal.
    if ((await this.#topics.keyDefect(spec, table.keySchema)) !== null)
      return void (await this.adopt(relation));
    const recordBytesMax = await this.#topics.open(spec);
    await this.#topics.loadEarlier(table, version);
    const ids = { keySchemaId: table.keySchema === null ? null : 0, valueSchemaId: 0 };
    const target = { topic: spec.name, partitions: spec.partitions, ...ids, recordBytesMax };
    const encoder = new RowEncoder(table, target, this.#slab, this.#badRows, this.#envelopeOf(table));
    this.#entries.set(relation.oid, { fingerprint: UNANNOUNCED, relation, encoder, paused: null });
    this.#last = null;
  }

  async #refuseUnprotected(relation: Relation): Promise<void> {
    if (!hasColumnPatterns(this.#options)) return;
    const known = await this.#known(relation);
    if (known !== null) refuseUnprotected(this.#options, known, relation);
  }

  /** An encoder of the keys that tell rows of the relation apart; nothing that it makes may be published. */
  keyEncoder(relation: Relation, details: RelationDetails): RowEncoder {
    const table = this.#table(relation, details);
    const ids = { keySchemaId: table.keySchema === null ? null : 0, valueSchemaId: 0 };
    const target = { topic: '', partitions: 1, ...ids, recordBytesMax: RECORD_BYTES_MAX };
    const encoder = new RowEncoder(table, target);
    return encoder.identity ?? encoder;
  }

  async #admit(relation: Relation, at: ShapePlace | null): Promise<AdmittedShape | null> {
    const { catalog } = this.#options;
    const details = await catalog.details(relation);
    const table = this.#table(relation, details);
    this.#refuseUnsent(relation, details, table);
    await this.#refuseUnprotected(relation);
    return await this.#admission.admit(relation, at, (version) => this.#open(table, version));
  }

  #refuseUnsent(relation: Relation, details: RelationDetails, table: TableSchema): void {
    if (toastPolicyOf(this.#options, relation) !== 'full') return;
    const unsent = outOfLineColumns(relation, details).filter((i) => {
      const column = table.columns[i];
      return column?.inKey === false && column.treatment !== 'exclude';
    });
    refuseUnsentToast(
      relation,
      unsent.map((i) => relation.columns[i]?.name ?? ''),
    );
  }

  /** The shape in one version of its table's topic. */
  async #open(table: TableSchema, version: number): Promise<OpenedShape> {
    const { log, partitions } = this.#options;
    const spec = this.#topics.specOf(table, version);
    const defect = await this.#topics.keyDefect(spec, table.keySchema);
    if (defect !== null) return await this.#refuse(table, spec, null, defect);
    const recordBytesMax = await this.#topics.open(spec);
    await this.#topics.loadEarlier(table, version);
    const { keySchema } = table;
    const keySchemaId = keySchema === null ? null : await this.#register(`${spec.name}-key`, keySchema);
    if (keySchemaId instanceof Failure) return await this.#refuse(table, spec, null, keySchemaId);
    const valueSchemaId = await this.#register(`${spec.name}-value`, table.valueSchema);
    if (valueSchemaId instanceof Failure) return await this.#refuse(table, spec, keySchemaId, valueSchemaId);
    const name = `${table.schema}.${table.table}`;
    if (keySchemaId === null)
      log.warn(
        { table: name, topic: spec.name },
        'the table has no key: its topic is not compacted, all of it on one partition',
      );
    log.info({ table: name, topic: spec.name, keySchemaId, valueSchemaId }, 'table shape registered');
    const ids = { keySchemaId, valueSchemaId };
    const target = { topic: spec.name, partitions, ...ids, recordBytesMax };
    return {
      encoder: new RowEncoder(table, target, this.#slab, this.#badRows, this.#envelopeOf(table)),
      refusal: null,
    };
  }

  /** The id, or why the registry refuses the schema beside those that the subject has. */
  async #register(subject: string, schema: AvroRecord): Promise<number | Failure> {
    try {
      return await this.#options.registry.register(subject, schema);
    } catch (error) {
      if (error instanceof Failure && error.code === 'registry.incompatible') return error;
      throw error;
    }
  }

  async #refuse(
    table: TableSchema,
    { name: topic, partitions }: TopicSpec,
    keySchemaId: number | null,
    refusal: Failure,
  ): Promise<OpenedShape> {
    const { kafka, topicPrefix, onIncompatibleSchema } = this.#options;
    if (incompatiblePolicy(onIncompatibleSchema, table) === 'dead-letter')
      await kafka.ensureTopics([deadLetterTopic(topicPrefix)]);
    const ids = { keySchemaId, valueSchemaId: 0 };
    const target = { topic, partitions, ...ids, recordBytesMax: RECORD_BYTES_MAX };
    return {
      encoder: new RowEncoder(
        { ...table, isKeyDeferrable: false },
        target,
        this.#slab,
        this.#letters,
        null,
        refusal,
      ),
      refusal,
    };
  }

  #table(relation: Relation, details: RelationDetails): TableSchema {
    const treatmentOf = (column: string): ColumnTreatment => this.#treatment(relation, column);
    const toast = toastPolicyOf(this.#options, relation);
    const messageKey = messageKeyOf(this.#options, relation);
    const table = tableSchema(relation, details, treatmentOf, this.#options, toast, messageKey);
    if (this.#debezium === null) {
      refuseSharedKey(relation, table);
      return table;
    }
    return debeziumTable(table, tableTopicName(this.#options.topicPrefix, table));
  }

  #envelopeOf(table: TableSchema): DebeziumEnvelope | null {
    if (this.#debezium === null) return null;
    return new DebeziumEnvelope(table, this.#debezium, this.#options.tombstonesOnDelete);
  }

  #treatment(relation: Relation, column: string): ColumnTreatment {
    const policy = policyOf(this.#options, relation, column);
    if (policy === null || policy.kind === 'keep') return null;
    if (policy.kind === 'exclude') return 'exclude';
    return columnMask(policy, this.#options.hashKey);
  }
}
