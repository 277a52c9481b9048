import type { Log } from '../../infra/process/log.ts';
import type { SchemaRegistry } from '../../schemas/serde/schema-registry.ts';
import type { Kafka } from '../kafka/port.ts';
import type { Catalog } from './catalog.ts';
import type { EndOffsets } from './end-offsets.ts';
import { type Relation, relationFingerprint } from './relation.ts';
import { RowEncoder } from './row-encoder.ts';
import { Slab } from './slab.ts';
import { tableSchema } from './table-schema.ts';
import { tableTopic } from './topics.ts';

export interface SchemaBookOptions {
  readonly catalog: Catalog;
  readonly registry: SchemaRegistry;
  readonly kafka: Kafka;
  readonly ends: EndOffsets;
  readonly topicPrefix: string;
  /** Of topics that are made here. */
  readonly partitions: number;
  readonly log: Log;
}

/** Relation oid to shape to registry ids to encoder. A shape is registered once; a relation that says nothing new, never. */
export class SchemaBook {
  readonly #options: SchemaBookOptions;
  readonly #encoders = new Map<number, { readonly fingerprint: string; readonly encoder: RowEncoder }>();
  readonly #slab = new Slab();
  #last: { readonly oid: number; readonly encoder: RowEncoder } | null = null;

  constructor(options: SchemaBookOptions) {
    this.#options = options;
  }

  /** The encoder of the relation's present shape. */
  encoder(oid: number): RowEncoder | undefined {
    if (this.#last?.oid === oid) return this.#last.encoder;
    const entry = this.#encoders.get(oid);
    if (entry !== undefined) this.#last = { oid, encoder: entry.encoder };
    return entry?.encoder;
  }

  /** True when rows of this relation can be encoded as it says. */
  knows(relation: Relation): boolean {
    return this.#encoders.get(relation.oid)?.fingerprint === relationFingerprint(relation);
  }

  /**
   * Takes a relation's shape over: catalog, topic, registry. Rows behind it wait until this resolves.
   * @throws Failure `registry.*`, `kafka.topic_drift`
   */
  async adopt(relation: Relation): Promise<RowEncoder> {
    const { catalog, registry, topicPrefix, log } = this.#options;
    const table = tableSchema(relation, await catalog.details(relation));
    const spec = tableTopic(topicPrefix, table, this.#options.partitions);
    if (!this.#options.ends.has(spec.name)) {
      await this.#options.kafka.ensureTopics([spec]);
      await this.#options.ends.load(this.#options.kafka, [spec.name]);
    }
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
    const target = { topic: spec.name, partitions: spec.partitions, keySchemaId, valueSchemaId };
    const encoder = new RowEncoder(table, target, this.#slab);
    this.#encoders.set(relation.oid, { fingerprint: relationFingerprint(relation), encoder });
    this.#last = null;
    return encoder;
  }
}
