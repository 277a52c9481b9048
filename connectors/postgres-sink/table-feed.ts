import type { Client } from 'pg';
import { must } from '../../infra/process/assert.ts';
import type { Log } from '../../infra/process/log.ts';
import type { SchemaRegistry } from '../../schemas/serde/schema-registry.ts';
import { type Change, foldChanges } from './batch.ts';
import type { Slice } from './inbox.ts';
import { type TableBinding, bindTable, checkBinding } from './table-binding.ts';
import { withPresentTypes } from './present-types.ts';
import { type TargetTable, plainName } from './target-table.ts';
import { ensureTable } from './target-schema.ts';
import { TopicReader } from './topic-reader.ts';
import { type Statement, TableWriter } from './upsert.ts';

/** What a batch does to one table. */
export interface TableWrite {
  readonly statements: readonly Statement[];
  readonly upserts: number;
  readonly deletes: number;
}

/** One topic and its table: decodes, keeps the table's columns up with the schemas, and plans the statements. */
export class TableFeed {
  readonly topic: string;
  /** `schema.table`, for metrics. */
  readonly label: string;
  readonly #binding: TableBinding;
  readonly #reader: TopicReader;
  readonly #log: Log;
  readonly #dropped = new Set<string>();
  #described: TargetTable | null = null;
  #writer: TableWriter | null = null;

  constructor(binding: TableBinding, registry: SchemaRegistry, log: Log) {
    this.#log = log;
    this.topic = binding.topic;
    this.label = plainName(binding.table);
    this.#binding = binding;
    this.#reader = new TopicReader(binding.topic, binding.table, registry);
  }

  /** Makes the table by the newest registered schemas, so that it is there before the first record. */
  async ensureNewest(client: Client): Promise<void> {
    await this.#reader.loadNewest();
    await this.#follow(client);
  }

  /** Changes the table where a record's schema asks for it, in a transaction of its own, before the rows that need it. */
  async plan(client: Client, slices: readonly Slice[]): Promise<TableWrite> {
    const changes: Change[] = [];
    for (const slice of slices) {
      await this.#reader.prepare(slice.records);
      for (const record of slice.records) changes.push(this.#reader.decode(record));
    }
    await this.#follow(client);
    const writer = must(this.#writer, 'records describe their table');
    const batch = foldChanges(changes);
    return {
      statements: [...writer.statements(batch)],
      upserts: batch.upserts.reduce((rows, group) => rows + group.rows.length, 0),
      deletes: batch.deletes.length,
    };
  }

  async #follow(client: Client): Promise<void> {
    const table = this.#reader.table;
    if (table === null || this.#described === table) return;
    const bound = await checkBinding(client, this.#binding);
    const target = await withPresentTypes(client, table);
    await ensureTable(client, target);
    if (!bound) await bindTable(client, this.#binding);
    this.#writer = new TableWriter(target);
    this.#described = table;
    this.#tellDropped(target);
  }

  /** Once per column; one that comes back may be dropped again. */
  #tellDropped({ columns }: TargetTable): void {
    for (const { name, isDropped } of columns)
      if (isDropped !== true) this.#dropped.delete(name);
      else if (!this.#dropped.has(name)) {
        this.#dropped.add(name);
        this.#log.warn(
          { table: this.label, column: name },
          'the topic has no such field any more: the column keeps its values, new rows have null; drop it when nobody reads it',
        );
      }
  }
}
