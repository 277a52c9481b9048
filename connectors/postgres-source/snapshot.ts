import { must } from '../../infra/process/assert.ts';
import type { Clock } from '../../infra/process/clock.ts';
import type { Log } from '../../infra/process/log.ts';
import { BACKEND, backendError } from './backend-message.ts';
import type { Batcher } from './batcher.ts';
import type { Catalog, PublishedTable } from './catalog.ts';
import type { Lsn } from './lsn.ts';
import type { Relation } from './relation.ts';
import type { RowEncoder } from './row-encoder.ts';
import type { SchemaBook } from './schema-book.ts';
import type { SchemaChangeTopic } from './schema-change-topic.ts';
import { identifier, literal, qualified } from './sql-text.ts';
import type { ToastFill } from './toast-fill.ts';
import { type TransactionHead, transactionHead } from './transaction-head.ts';
import { Tuple, readDataRow } from './tuple.ts';
import { nextTurn } from './next-turn.ts';
import type { WireConnection } from './wire-connection.ts';
import { HEADER_BYTES } from './wire-framer.ts';

const LOG_INTERVAL_MS = 5_000;

export interface SnapshotOptions {
  /** An ordinary session that is used for nothing else. */
  readonly session: WireConnection;
  readonly catalog: Catalog;
  readonly book: SchemaBook;
  readonly batcher: Batcher;
  readonly schemaChanges: SchemaChangeTopic | null;
  readonly tables: readonly PublishedTable[];
  readonly toast: ToastFill;
  /** Where the stream begins: `__lsn` of every row. */
  readonly consistentPoint: Lsn;
  /** The slot's exported snapshot; null reads what is there now. */
  readonly snapshotName: string | null;
  readonly onRow: (encoder: RowEncoder) => void;
  /** All rows of the table are in Kafka. */
  readonly onTable: (table: PublishedTable) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Reads tables, each in the order it is stored in, in one REPEATABLE READ transaction and publishes the rows as `r`.
 * Returns false when `signal` ended it early.
 *
 * The first time, the transaction is the slot's own snapshot: each row once, exactly as of the consistent point. After
 * a crash that snapshot is gone, and the tables are read again as they are now. Rows are then published a second time,
 * possibly newer than changes the stream still replays from the consistent point on; every key ends right once the
 * stream has passed the time of the second read, and a row that was deleted meanwhile gets its tombstone from there.
 */
export async function readSnapshot(options: SnapshotOptions): Promise<boolean> {
  const head = await beginSnapshot(options);
  const relations = new Map<PublishedTable, Relation>();
  for (const table of options.tables) relations.set(table, await options.catalog.relation(table));
  options.session.takeOver();
  let seq = 0;
  for (const [table, relation] of relations) {
    // Before every place in the stream: what is decided here holds whatever the position.
    const at = { lsn: 0n, seq: 0, replayed: false };
    const encoder = options.book.knows(relation)
      ? (options.book.encoder(relation.oid) ?? null)
      : await options.book.adopt(relation, at);
    if (encoder === null) {
      options.onTable(table);
      continue;
    }
    const change = options.schemaChanges?.record(relation, head, seq) ?? null;
    if (change !== null) options.batcher.precede(change);
    const read = await readTable(options, head, table, relation, encoder, seq);
    if (read === null) return false;
    seq += read;
    await options.batcher.drain();
    options.onTable(table);
  }
  return true;
}

async function beginSnapshot(options: SnapshotOptions): Promise<TransactionHead> {
  const { session, snapshotName } = options;
  await session.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  if (snapshotName !== null) await session.query(`SET TRANSACTION SNAPSHOT ${literal(snapshotName)}`);
  const [row] = await session.query<{ micros: string }>(
    `SELECT (extract(epoch FROM now()) * 1000000)::int8::text AS micros`,
  );
  return transactionHead(options.consistentPoint, BigInt(must(row, 'now() gave no row').micros), 0);
}

/** Reads one table to its end and returns the number of its rows, null when it was ended early. */
async function readTable(
  options: SnapshotOptions,
  head: TransactionHead,
  table: PublishedTable,
  relation: Relation,
  encoder: RowEncoder,
  firstSeq: number,
): Promise<number | null> {
  const { session, batcher, clock, log, signal } = options;
  const name = `${table.schema}.${table.table}`;
  const startedMs = clock.now();
  const pace = (rows: number): object => {
    const seconds = (clock.now() - startedMs) / 1000;
    const percent = table.estimatedRows === 0 ? undefined : Math.round((rows / table.estimatedRows) * 100);
    return { table: name, rows, percent, rowsPerSecond: Math.round(rows / Math.max(seconds, 0.001)) };
  };
  session.ask(selectText(table, relation));
  const reader = new RowReader(options, table.oid, head, encoder, firstSeq);
  for (let loggedMs = startedMs; !reader.done;) {
    if (signal.aborted) return null;
    const segment = session.take();
    if (segment === null) {
      await session.readable();
      continue;
    }
    for (let at = 0; at < segment.length;) {
      at = reader.read(segment, at);
      if (batcher.full) await batcher.makeRoom();
    }
    await nextTurn();
    if (clock.now() - loggedMs >= LOG_INTERVAL_MS) {
      loggedMs = clock.now();
      log.info(pace(reader.rows), 'reading table');
    }
  }
  log.info(pace(reader.rows), 'table read');
  return reader.rows;
}

function selectText(table: PublishedTable, relation: Relation): string {
  const columns = relation.columns.map((column) => identifier(column.name)).join(', ');
  const where = table.filter === null ? '' : ` WHERE ${table.filter}`;
  return `SELECT ${columns} FROM ${qualified(table.schema, table.table)}${where}`;
}

/** Takes the messages of one SELECT's answer apart. */
class RowReader {
  done = false;
  rows = 0;
  readonly #options: SnapshotOptions;
  readonly #oid: number;
  readonly #head: TransactionHead;
  readonly #encoder: RowEncoder;
  readonly #firstSeq: number;
  readonly #tuple = new Tuple();
  readonly #commitTs: bigint;

  constructor(
    options: SnapshotOptions,
    oid: number,
    head: TransactionHead,
    encoder: RowEncoder,
    firstSeq: number,
  ) {
    this.#options = options;
    this.#oid = oid;
    this.#head = head;
    this.#encoder = encoder;
    this.#firstSeq = firstSeq;
    this.#commitTs = BigInt(head.timestamp) * 1000n;
  }

  /** Reads until the batch is full or the segment ends, and returns the place it came to. */
  read(segment: Buffer, start: number): number {
    const { batcher, consistentPoint } = this.#options;
    let at = start;
    while (at < segment.length && !batcher.full) {
      const end = at + 1 + segment.readInt32BE(at + 1);
      if (segment[at] === BACKEND.dataRow) this.#row(segment, at + HEADER_BYTES);
      else if (segment[at] === BACKEND.ready) this.done = true;
      else if (segment[at] === BACKEND.error) throw backendError(segment, at, end);
      at = end;
    }
    // Any set of snapshot rows may be published together.
    batcher.endTransaction(consistentPoint, this.#commitTs);
    return at;
  }

  #row(segment: Buffer, at: number): void {
    const { batcher, consistentPoint, toast, onRow } = this.#options;
    readDataRow(segment, at, this.#tuple);
    const seq = this.#firstSeq + ++this.rows;
    const record = this.#encoder.row('r', segment, this.#tuple, null, this.#head, seq);
    toast.noteRow(this.#encoder, this.#oid, record, this.#tuple, false);
    batcher.add(record, consistentPoint, seq);
    onRow(this.#encoder);
  }
}
