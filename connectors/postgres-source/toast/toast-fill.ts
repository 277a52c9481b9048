import { must } from '../../../infra/process/assert.ts';
import type { Log } from '../../../infra/process/log.ts';
import { FRAME_BYTES } from '../../../schemas/serde/wire-format.ts';
import type { ProducerRecord } from '../../kafka/port.ts';
import { RecordBytes } from '../../kafka/record-bytes.ts';
import type { CopyBook } from '../copies/copy-state.ts';
import type { EndOffsets } from '../place/end-offsets.ts';
import { KeyFilter } from '../changes/key-filter.ts';
import type { Lsn } from '../place/lsn.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import { READ_IN_PART, type ToastEffect, type ToastStore } from './toast-store.ts';
import { ToastTable } from './toast-table.ts';
import { CELL, type Tuple, type WrittenValue } from '../changes/tuple.ts';

export interface ToastFillOptions {
  /** Called once, for the first table that has large values. */
  readonly openStore: () => ToastStore;
  readonly ends: EndOffsets;
  readonly copies: CopyBook;
  /** An event lacks values that the store should have had. */
  readonly onMiss: (encoder: RowEncoder) => void;
  readonly log: Log;
}

/** A row whose values are not in the store as they are in the batches that wait for Kafka. */
interface Pending {
  /** What the store has of the row does not count. */
  gone: boolean;
  /** Null: the field has no value. */
  readonly values: Map<number, WrittenValue | null>;
  last: ToastEffect;
}

/** Offsets go into the store after so many records without an effect, so that a restart has no more to read again. */
const RECORDS_UNNOTED_MAX = 10_000;

/**
 * Completes rows with the values that Postgres does not send again. It is told of every record of a table before it is
 * published, and remembers from it what a later event may lack: at first beside the store, in memory, and in the store
 * once it is in Kafka.
 */
export class ToastFill implements Disposable {
  readonly #options: ToastFillOptions;
  #opened: ToastStore | null = null;
  readonly #tables = new WeakMap<RowEncoder, ToastTable>();
  readonly #pending = new Map<string, Pending>();
  /** Effects of records that are not in Kafka yet, in their order. */
  readonly #queue: { readonly place: number; readonly effect: ToastEffect }[] = [];
  readonly #filter = new KeyFilter();
  readonly #topics = new Map<string, number>();
  readonly #warned = new Set<string>();
  #last: { readonly encoder: RowEncoder; readonly table: ToastTable | null } | null = null;
  #unnoted = 0;
  /** Where the records go through, and how many of them are in Kafka. */
  #batcher: { readonly added: number } = { added: 0 };
  #published = 0;

  constructor(options: ToastFillOptions) {
    this.#options = options;
  }

  /** @throws Failure `source.toast_store` */
  get store(): ToastStore {
    this.#opened ??= this.#options.openStore();
    return this.#opened;
  }

  [Symbol.dispose](): void {
    this.#opened?.[Symbol.dispose]();
  }

  /** The store has what is in Kafka; before it may have been behind. */
  restored(): void {
    this.store.eachKey((topic, key) => this.#filter.add(topic, key));
  }

  /** Null for a table of which nothing is kept. A table that comes with the stream is followed from here on. */
  table(encoder: RowEncoder, oid: number): ToastTable | null {
    if (this.#last?.encoder === encoder) return this.#last.table;
    const table = this.#tables.get(encoder) ?? this.#newTable(encoder, oid);
    this.#last = { encoder, table };
    return table;
  }

  #newTable(encoder: RowEncoder, oid: number): ToastTable | null {
    const { topic } = encoder.target;
    const isOpen = this.#topics.has(topic);
    if (encoder.schema.toast === null) {
      // It may be followed again, and will have missed changes.
      if (isOpen) this.#begin(topic, oid, READ_IN_PART);
      this.#topics.delete(topic);
      return null;
    }
    const entry = this.store.topic(topic);
    if (isOpen && entry?.oid === oid) return this.tableOf(encoder, entry.id);
    // Nobody waits here for a topic to be read: until the next start its older values are not known.
    const isWhole = this.#options.copies.state.copied.includes(oid);
    return this.tableOf(encoder, this.#begin(topic, oid, isWhole ? READ_IN_PART : this.since(oid)));
  }

  /** The shape that `encoder` writes, of a topic that is open. */
  tableOf(encoder: RowEncoder, topic: number): ToastTable {
    const shape = must(encoder.schema.toast, 'a table with large values');
    const fields = this.store.fields(
      topic,
      shape.columns.map(({ identity }) => identity),
    );
    const table = new ToastTable(topic, encoder, shape, fields);
    this.#tables.set(encoder, table);
    return table;
  }

  /** The store's topic is followed. */
  open(topic: string, id: number): void {
    this.#topics.set(topic, id);
  }

  /** Records from before do not tell of the table; null when all do, or when nobody knows yet. */
  since(oid: number): Lsn | null {
    const since = this.#options.copies.copy(oid)?.since;
    return since === undefined ? null : BigInt(since);
  }

  /** Nothing that was known of the topic counts any more. */
  #begin(topic: string, oid: number, since: Lsn | null): number {
    const { id } = this.store.begin(topic, oid, since, this.#options.ends.of(topic) ?? []);
    this.open(topic, id);
    for (const [key, { last }] of this.#pending) if (last.topic === id) this.#pending.delete(key);
    for (let i = this.#queue.length - 1; i >= 0; i--)
      if (this.#queue[i]?.effect.topic === id) this.#queue.splice(i, 1);
    return id;
  }

  /** The large values of a topic are not those of the table any more: it was not followed for a while. */
  restart(oid: number, topic: string, since: Lsn): void {
    if (this.#topics.has(topic)) this.#begin(topic, oid, since);
  }

  /**
   * Gives the unchanged values of a row that the store has.
   * @param key the framed key that the row had before the change
   */
  complete(encoder: RowEncoder, oid: number, key: Buffer | null, row: Tuple): void {
    const table = this.table(encoder, oid);
    if (table === null || key === null || !this.#isFollowed(oid)) return;
    const body = key.subarray(FRAME_BYTES);
    const pending = this.#pending.get(textOf(table.topic, body));
    table.shape.columns.forEach(({ place }, i) => {
      if (row.kinds[place] !== CELL.unchanged) return;
      const field = table.fields[i] as number;
      const value = this.#value(table.topic, body, field, pending);
      if (value !== null) row.fill(place, value);
    });
    for (let i = 0; i < row.count; i++)
      if (row.kinds[i] === CELL.unchanged && encoder.schema.columns[i]?.treatment !== 'exclude')
        return this.#missed(encoder, oid);
  }

  /** A record of a row that exists, before it is published. `moved`: its key is another than that of {@link complete}. */
  noteRow(encoder: RowEncoder, oid: number, record: ProducerRecord, row: Tuple, moved: boolean): void {
    const table = this.table(encoder, oid);
    if (table === null) return;
    // What is set aside is not what the topic has, and the next event may lack it.
    if (record.topic !== encoder.target.topic) return this.#noteGone(table, record);
    if (table.isSmall(row) && !this.#mayHave(table.topic, record)) return;
    const isLarge = table.weigh(row, moved);
    if (!isLarge && !this.#mayHave(table.topic, record)) return;
    const { key } = record;
    if (key === null) return;
    const effect = table.effect(record, Buffer.from(key.subarray(FRAME_BYTES)));
    if (effect.puts.length > 0) this.#filter.add(table.topic, effect.key);
    else if (effect.drops.length === 0) return;
    this.#note(effect);
  }

  /** The end of a row, before it is published. */
  noteEnd(encoder: RowEncoder, oid: number, record: ProducerRecord): void {
    const table = this.table(encoder, oid);
    if (table !== null) this.#noteGone(table, record);
  }

  /** Records go through `batcher` from now on. */
  serve(batcher: { readonly added: number }): void {
    this.#batcher = batcher;
    this.#published = 0;
  }

  /** The next `records` of the batcher are in Kafka, up to `position`. @throws Failure `source.toast_store` */
  committed(records: number, position: Lsn): void {
    this.#published += records;
    this.#unnoted += records;
    if (this.#topics.size === 0) return;
    let settled = 0;
    while ((this.#queue[settled]?.place ?? Number.POSITIVE_INFINITY) < this.#published) settled++;
    if (settled === 0 && this.#unnoted < RECORDS_UNNOTED_MAX) return;
    this.#save(this.#queue.splice(0, settled), position);
  }

  /** The end of a session that has published all that it has read. */
  close(position: Lsn): void {
    if (this.#topics.size > 0 && this.#unnoted > 0 && this.#queue.length === 0) this.#save([], position);
  }

  #save(settled: readonly { readonly effect: ToastEffect }[], position: Lsn): void {
    const { ends } = this.#options;
    const offsets = [...this.#topics].map(([topic, id]) => [id, ends.of(topic) ?? []] as const);
    this.store.apply(
      settled.map(({ effect }) => effect),
      offsets,
      position,
    );
    this.#unnoted = 0;
    for (const { effect } of settled) {
      const key = textOf(effect.topic, effect.key);
      if (this.#pending.get(key)?.last === effect) this.#pending.delete(key);
    }
  }

  #noteGone(table: ToastTable, record: ProducerRecord): void {
    const { key } = record;
    if (key === null || !this.#mayHave(table.topic, record)) return;
    const body = Buffer.from(key.subarray(FRAME_BYTES));
    this.#note({ topic: table.topic, key: body, gone: true, drops: [], puts: [] });
  }

  #mayHave(topic: number, record: ProducerRecord): boolean {
    if (!(record instanceof RecordBytes)) {
      const { key } = record;
      return key !== null && this.#filter.mayHave(topic, key, FRAME_BYTES, key.length);
    }
    const { keySource, keyStart, keyLength } = record;
    return (
      keyLength >= 0 && this.#filter.mayHave(topic, keySource, keyStart + FRAME_BYTES, keyStart + keyLength)
    );
  }

  #note(effect: ToastEffect): void {
    this.#queue.push({ place: this.#batcher.added, effect });
    const key = textOf(effect.topic, effect.key);
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = { gone: false, values: new Map(), last: effect };
      this.#pending.set(key, pending);
    }
    pending.last = effect;
    if (effect.gone) {
      pending.gone = true;
      pending.values.clear();
    }
    for (const field of effect.drops) pending.values.set(field, null);
    for (const { field, value } of effect.puts) pending.values.set(field, value);
  }

  #value(topic: number, key: Buffer, field: number, pending: Pending | undefined): WrittenValue | null {
    const own = pending?.values.get(field);
    if (own !== undefined) return own;
    return pending?.gone === true ? null : this.store.get(topic, key, field);
  }

  /** A table that comes back into the publication has missed changes until its copy begins. */
  #isFollowed(oid: number): boolean {
    const { copies } = this.#options;
    return copies.state.copied.includes(oid) || copies.copy(oid) !== undefined;
  }

  #missed(encoder: RowEncoder, oid: number): void {
    const { copies, onMiss, log } = this.#options;
    // The copy brings the whole row.
    if (copies.copy(oid) !== undefined) return;
    onMiss(encoder);
    const name = `${encoder.schema.schema}.${encoder.schema.table}`;
    if (this.#warned.has(name)) return;
    this.#warned.add(name);
    log.warn(
      { table: name, topic: encoder.target.topic },
      `an unchanged large value is not known: the event names it in __unchanged; npm run backfill -- ${name} completes the topic`,
    );
  }
}

function textOf(topic: number, key: Buffer): string {
  return `${topic}/${key.toString('latin1')}`;
}
