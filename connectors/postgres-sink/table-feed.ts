import type { Client } from 'pg';
import { must } from '../../infra/process/assert.ts';
import { Failure, orderFor } from '../../infra/process/failure.ts';
import type { Log } from '../../infra/process/log.ts';
import type { SchemaRegistry } from '../../schemas/serde/schema-registry.ts';
import type { ConsumerRecord } from '../kafka/port.ts';
import { type Change, foldChanges } from './batch.ts';
import type { DeadLetter } from './dead-letter-table.ts';
import type { Slice } from './inbox.ts';
import { withMetaColumns } from './meta-columns.ts';
import { verifyRights, verifySchema, withAccess } from './table-access.ts';
import { type TableBinding, bindTable, checkBinding } from './table-binding.ts';
import { withPresentTypes } from './present-types.ts';
import type { TableOptions } from './table-options.ts';
import { type TargetTable, plainName } from './target-table.ts';
import { ensureTable } from './target-schema.ts';
import { TopicReader } from './topic-reader.ts';
import { refusalOf } from './transaction.ts';
import { type Step, TableWriter } from './upsert.ts';

/** A record whose bytes cannot be decoded. */
interface BadRecord {
  readonly record: ConsumerRecord;
  readonly error: Error;
}

interface DecodedSlices {
  readonly changes: Change[];
  readonly undecodable: BadRecord[];
  /** Which of the changes are, and by which records. */
  readonly truncations: Map<Change, ConsumerRecord>;
}

/** What a batch does to one table. */
export interface TableWrite {
  readonly steps: readonly Step[];
  readonly upserts: number;
  readonly deletes: number;
  /** Left out of the steps. */
  readonly undecodable: readonly BadRecord[];
}

/** The steps of one record alone. */
interface RecordSteps {
  readonly record: ConsumerRecord;
  readonly steps: Iterable<Step>;
}

interface TableFeedParts {
  readonly registry: SchemaRegistry;
  readonly log: Log;
  readonly options: TableOptions;
  /** Bad records are set aside; else they stop the sink. */
  readonly setsAside: boolean;
  /** Of the topic. */
  readonly partitionCount: (topic: string) => Promise<number>;
}

/** One topic and its table: decodes, keeps the table's columns up with the schemas, and plans the statements. */
export class TableFeed {
  readonly topic: string;
  /** `schema.table`, for metrics. */
  readonly label: string;
  readonly #binding: TableBinding;
  readonly #parts: TableFeedParts;
  readonly #reader: TopicReader;
  readonly #dropped = new Set<string>();
  #described: TargetTable | null = null;
  #writer: TableWriter | null = null;

  constructor(binding: TableBinding, parts: TableFeedParts) {
    this.topic = binding.topic;
    this.label = plainName(binding.table);
    this.#binding = binding;
    this.#parts = parts;
    const { metaColumns } = parts.options;
    this.#reader = new TopicReader(binding.topic, binding.table, parts.registry, metaColumns);
  }

  /** A row that is not changed was written by a later record. */
  get keepsPosition(): boolean {
    return this.#parts.options.metaColumns;
  }

  /** The table lacks a column that it had: what is known of it is found out again. */
  forget(): void {
    this.#reader.forget();
    this.#described = null;
    this.#writer = null;
  }

  /** Makes the table by the newest registered schemas, so that it is there before the first record. */
  async ensureNewest(client: Client): Promise<void> {
    await this.#reader.loadNewest();
    await this.#follow(client);
  }

  /**
   * What {@link plan} would resolve with, where neither the registry nor the target nor anybody else has to be asked; else
   * null, and nothing has happened.
   */
  planAhead(slices: readonly Slice[]): TableWrite | null {
    try {
      const decoded = this.#decodeAll(slices);
      if (decoded === null || decoded.truncations.size > 0 || this.#reader.table !== this.#described)
        return null;
      return this.#written(decoded);
    } catch {
      // when it is their turn, they fail in the same way
      return null;
    }
  }

  /** Changes the table where a record's schema asks for it, in a transaction of its own, before the rows that need it. */
  async plan(client: Client, slices: readonly Slice[]): Promise<TableWrite> {
    let decoded = this.#decodeAll(slices);
    if (decoded === null) {
      // What a schema leaves out depends on all that are known, so what came before it is decoded once more.
      for (const { records } of slices) await this.#reader.prepare(records);
      decoded = must(this.#decodeAll(slices), 'all schemas are known');
    }
    const skipped = new Set<Change>();
    for (const [change, record] of decoded.truncations)
      if (!(await this.#appliesTruncate(record))) skipped.add(change);
    await this.#follow(client);
    if (skipped.size === 0) return this.#written(decoded);
    return this.#written({ ...decoded, changes: decoded.changes.filter((change) => !skipped.has(change)) });
  }

  /** Null where a record's schema has yet to be loaded. */
  #decodeAll(slices: readonly Slice[]): DecodedSlices | null {
    this.#reader.begin();
    const decoded: DecodedSlices = { changes: [], undecodable: [], truncations: new Map() };
    for (const { records } of slices)
      for (const record of records) {
        const raw = this.#reader.raw(record);
        if (raw === null && !this.#reader.knows(record)) return null;
        const change: Change | null = raw ?? this.#decoded(record, decoded.undecodable);
        if (change === null) continue;
        decoded.changes.push(change);
        if (change.isTruncate === true) decoded.truncations.set(change, record);
      }
    return decoded;
  }

  #written({ changes, undecodable }: DecodedSlices): TableWrite {
    // Without a key schema there is no table yet, and nothing in it to truncate.
    if (this.#writer === null) return { steps: [], upserts: 0, deletes: 0, undecodable };
    const batch = foldChanges(changes, this.#writer.keepsDeleted);
    const steps = [...this.#writer.steps(batch)];
    for (const { statement, rows } of steps) statement(rows);
    return {
      steps,
      upserts: batch.upserts.reduce((rows, group) => rows + group.rows.length, 0),
      deletes: batch.deletes.length,
      undecodable,
    };
  }

  /** The records of some keys of a batch that was planned, in the order of their partitions, from its last truncate on. */
  *history(slices: readonly Slice[], keyBodies: ReadonlySet<string>): Generator<RecordSteps> {
    if (keyBodies.size === 0) return;
    const writer = must(this.#writer, 'a planned batch has a writer');
    let found: { readonly record: ConsumerRecord; readonly change: Change }[] = [];
    for (const { records } of slices)
      for (const record of records) {
        const change = this.#decoded(record, []);
        if (change?.isTruncate === true && this.#parts.options.onTruncate === 'apply') found = [];
        else if (change !== null && keyBodies.has(change.keyBody)) found.push({ record, change });
      }
    for (const { record, change } of found)
      yield { record, steps: writer.steps(foldChanges([change], writer.keepsDeleted)) };
  }

  deadLetter(record: ConsumerRecord, error: Error): DeadLetter {
    const named = (field: string): string | null => {
      const value = (error as unknown as Readonly<Record<string, unknown>>)[field];
      return typeof value === 'string' ? value : null;
    };
    return {
      record,
      table: this.#binding.table,
      readable: this.#reader.readable(record),
      sqlstate: refusalOf(error),
      message: error.message,
      constraint: named('constraint'),
      column: named('column'),
    };
  }

  #decoded(record: ConsumerRecord, undecodable: BadRecord[]): Change | null {
    try {
      return this.#reader.decode(record);
    } catch (error) {
      if (!this.#parts.setsAside || orderFor(error) !== 'dead-letter' || !(error instanceof Error))
        throw error;
      undecodable.push({ record, error });
      return null;
    }
  }

  /** @throws Failure `sink.truncated`, `sink.truncate_unordered` (stop) */
  async #appliesTruncate({ partition, offset }: ConsumerRecord): Promise<boolean> {
    const { options, log, partitionCount } = this.#parts;
    const told = `the record at offset ${offset} of ${this.topic}, partition ${partition}, tells of a TRUNCATE`;
    if (options.onTruncate === 'skip') {
      log.warn(
        { topic: this.topic, table: this.label, offset },
        'TRUNCATE is not applied: the table keeps its rows',
      );
      return false;
    }
    if (options.onTruncate === 'stop')
      throw new Failure('sink.truncated', 'stop', `${told}, and --on-truncate is stop`, {
        fix: `decide what becomes of ${this.label}, then start with --on-truncate apply or skip`,
      });
    const partitions = await partitionCount(this.topic);
    if (partitions === 1) return true;
    throw new Failure(
      'sink.truncate_unordered',
      'stop',
      `${told}; among ${partitions} partitions nothing says which rows came before it`,
      { fix: 'give the topic one partition, or start with --on-truncate skip and delete the rows by hand' },
    );
  }

  async #follow(client: Client): Promise<void> {
    const described = this.#reader.table;
    if (described === null || this.#described === described) return;
    const table = withMetaColumns(described, this.#parts.options);
    await verifySchema(client, table.name);
    await checkBinding(client, this.#binding);
    const target = await withAccess(table.name, () => withPresentTypes(client, table));
    await ensureTable(client, target);
    await verifyRights(client, table.name);
    const { options, setsAside } = this.#parts;
    await bindTable(client, this.#binding, { ...options, setsAside });
    this.#writer = new TableWriter(target);
    this.#described = described;
    this.#tellDropped(target);
  }

  /** Once per column; one that comes back may be dropped again. */
  #tellDropped({ columns }: TargetTable): void {
    for (const { name, isDropped } of columns)
      if (isDropped !== true) this.#dropped.delete(name);
      else if (!this.#dropped.has(name)) {
        this.#dropped.add(name);
        this.#parts.log.warn(
          { table: this.label, column: name },
          'the topic has no such field any more: the column keeps its values, new rows have null; drop it when nobody reads it',
        );
      }
  }
}
