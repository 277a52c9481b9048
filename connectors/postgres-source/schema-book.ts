import type { SchemaRegistry } from '../../schemas/serde/schema-registry.ts';
import { BATCH_BYTES_MAX as PRODUCER_BATCH_BYTES_MAX } from '../kafka/partition-queue.ts';
import type { Kafka, TopicSpec } from '../kafka/port.ts';
import { BadRows, type BadRowsOptions } from './bad-rows.ts';
import type { Catalog, PublishedTable } from './catalog.ts';
import { columnMask } from './column-mask.ts';
import { type KnownColumns, knownColumns, refuseUnprotected } from './column-protection.ts';
import { deadLetterTopic } from './dead-letter.ts';
import { DebeziumEnvelope } from './debezium-envelope.ts';
import { debeziumTable } from './debezium-schema.ts';
import { DebeziumSource } from './debezium-source.ts';
import type { EndOffsets } from './end-offsets.ts';
import type { EnvelopeOptions } from './envelope-options.ts';
import { type Relation, relationFingerprint } from './relation.ts';
import { RowEncoder } from './row-encoder.ts';
import { Slab } from './slab.ts';
import {
  type FilterOptions,
  type TableShape,
  hasColumnPatterns,
  includesTable,
  policyOf,
  refuseUnmatched,
} from './source-filter.ts';
import type { SourceMetrics } from './source-metrics.ts';
import { type ColumnTreatment, type RelationDetails, type TableSchema, tableSchema } from './table-schema.ts';
import {
  type ToastPolicies,
  refuseUnmatchedToast,
  refuseUnsentToast,
  toastPolicyOf,
} from './toast-policy.ts';
import { outOfLineColumns } from './toast-shape.ts';
import { tableTopic, tableTopicName } from './topics.ts';
import type { TypePolicy } from './type-policy.ts';

export interface SchemaBookOptions
  extends FilterOptions, TypePolicy, EnvelopeOptions, ToastPolicies, Omit<BadRowsOptions, 'onDeadLetter'> {
  readonly catalog: Catalog;
  readonly registry: SchemaRegistry;
  readonly kafka: Kafka;
  readonly ends: EndOffsets;
  /** Of topics that are made here. */
  readonly partitions: number;
  readonly metrics: SourceMetrics;
  /** Name of the source database. */
  readonly database: string;
}

/** As large a batch as the producer makes; its records are never larger. */
const RECORD_BYTES_MAX = PRODUCER_BATCH_BYTES_MAX;

interface Entry {
  readonly fingerprint: string;
  /** Null of a relation that is filtered out. */
  readonly encoder: RowEncoder | null;
}

/** Relation oid to shape to registry ids to encoder. A shape is registered once; a relation that says nothing new, never. */
export class SchemaBook {
  readonly #options: SchemaBookOptions;
  readonly #entries = new Map<number, Entry>();
  readonly #slab = new Slab();
  readonly #badRows: BadRows;
  /** Null of the row envelope. */
  readonly #debezium: DebeziumSource | null;
  #last: { readonly oid: number; readonly encoder: RowEncoder | null } | null = null;

  constructor(options: SchemaBookOptions) {
    this.#options = options;
    this.#debezium = DebeziumSource.of(options);
    this.#badRows = new BadRows({
      ...options,
      onDeadLetter: (schema, table) => options.metrics.deadLetter(schema, table),
    });
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
    return tables.filter((table) => includesTable(this.#options, table));
  }

  /** Tables as their newest value schemas have them. */
  async #earlierShapes(tables: readonly PublishedTable[]): Promise<TableShape[]> {
    const shapes: TableShape[] = [];
    for (const { schema, table } of tables) {
      const known = await this.#known(tableTopicName(this.#options.topicPrefix, { schema, table }));
      if (known !== null) shapes.push({ schema, table, columns: known.protected.map((name) => ({ name })) });
    }
    return shapes;
  }

  async #known(topic: string): Promise<KnownColumns | null> {
    const latest = await this.#options.registry.latest(`${topic}-value`);
    return latest === null ? null : knownColumns(latest.schema);
  }

  /** The encoder of the relation's present shape; null when the relation is filtered out. */
  encoder(oid: number): RowEncoder | null | undefined {
    if (this.#last?.oid === oid) return this.#last.encoder;
    const entry = this.#entries.get(oid);
    if (entry !== undefined) this.#last = { oid, encoder: entry.encoder };
    return entry?.encoder;
  }

  /** True when rows of this relation can be encoded as it says. */
  knows(relation: Relation): boolean {
    return this.#entries.get(relation.oid)?.fingerprint === relationFingerprint(relation);
  }

  /**
   * Takes a relation's shape over: catalog, topic, registry. Rows behind it wait until this resolves. Null for a
   * relation that is filtered out.
   * @throws Failure `registry.*`, `kafka.topic_drift`, `source.key_policy`, `source.column_unprotected`,
   * `source.toast_identity`
   */
  async adopt(relation: Relation): Promise<RowEncoder | null> {
    const encoder = includesTable(this.#options, relation) ? await this.#open(relation) : null;
    this.#entries.set(relation.oid, { fingerprint: relationFingerprint(relation), encoder });
    this.#last = null;
    return encoder;
  }

  /** An encoder of the keys that rows of the relation have in the topic; nothing that it makes may be published. */
  keyEncoder(relation: Relation, details: RelationDetails): RowEncoder {
    const table = this.#table(relation, details);
    const ids = { keySchemaId: table.keySchema === null ? null : 0, valueSchemaId: 0 };
    return new RowEncoder(table, { topic: '', partitions: 1, ...ids, recordBytesMax: RECORD_BYTES_MAX });
  }

  async #open(relation: Relation): Promise<RowEncoder> {
    const { catalog, registry, topicPrefix, log } = this.#options;
    const details = await catalog.details(relation);
    const table = this.#table(relation, details);
    if (toastPolicyOf(this.#options, relation) === 'full') {
      const unsent = outOfLineColumns(relation, details).filter((i) => {
        const column = table.columns[i];
        return column?.inKey === false && column.treatment !== 'exclude';
      });
      refuseUnsentToast(
        relation,
        unsent.map((i) => relation.columns[i]?.name ?? ''),
      );
    }
    const spec = tableTopic(
      topicPrefix,
      table,
      this.#options.partitions,
      this.#options.onTruncate === 'publish',
    );
    if (hasColumnPatterns(this.#options)) {
      const known = await this.#known(spec.name);
      if (known !== null) refuseUnprotected(this.#options, known, relation);
    }
    const recordBytesMax = await this.#openTopic(spec);
    const { keySchema } = table;
    const keySchemaId = keySchema === null ? null : await registry.register(`${spec.name}-key`, keySchema);
    const valueSchemaId = await registry.register(`${spec.name}-value`, table.valueSchema);
    const name = `${relation.schema}.${relation.table}`;
    if (keySchemaId === null)
      log.warn(
        { table: name, topic: spec.name },
        'the table has no key: its topic is not compacted, all of it on one partition',
      );
    log.info({ table: name, topic: spec.name, keySchemaId, valueSchemaId }, 'table shape registered');
    const ids = { keySchemaId, valueSchemaId };
    const target = { topic: spec.name, partitions: spec.partitions, ...ids, recordBytesMax };
    return new RowEncoder(table, target, this.#slab, this.#badRows, this.#envelopeOf(table));
  }

  #table(relation: Relation, details: RelationDetails): TableSchema {
    const treatmentOf = (column: string): ColumnTreatment => this.#treatment(relation, column);
    const toast = toastPolicyOf(this.#options, relation);
    const table = tableSchema(relation, details, treatmentOf, this.#options, toast);
    if (this.#debezium === null) return table;
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

  /** Makes the topic ready, and that of dead letters; tells the largest record that it takes. */
  async #openTopic(spec: TopicSpec): Promise<number> {
    const { kafka, ends, topicPrefix, onBadRow } = this.#options;
    if (!ends.has(spec.name)) {
      const letters = onBadRow === 'dead-letter' ? [deadLetterTopic(topicPrefix)] : [];
      await kafka.ensureTopics([spec, ...letters]);
      await ends.load(kafka, [spec.name]);
    }
    const bytesMax = (await kafka.describeConfigs(spec.name)).get('max.message.bytes')?.value ?? null;
    return bytesMax === null ? RECORD_BYTES_MAX : Math.min(Number(bytesMax), RECORD_BYTES_MAX);
  }
}
