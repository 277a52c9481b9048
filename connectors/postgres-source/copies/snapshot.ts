import { must } from '../../../infra/process/assert.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { describe } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { Catalog, PublishedTable } from '../shapes/catalog.ts';
import { conditionsSql, readAnswer, tableSql } from './chunk-reader.ts';
import type { Batcher } from '../publish/batcher.ts';
import { CopyPace, type CopyReport } from './copy-pace.ts';
import type { Lsn } from '../place/lsn.ts';
import { nextTurn } from '../wire/next-turn.ts';
import { estimateRows } from './row-estimate.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import type { SchemaBook } from '../shapes/schema-book.ts';
import type { SchemaChangeTopic } from '../shapes/schema-change-topic.ts';
import { type PageRange, RangeQueue, pageRanges } from './snapshot-ranges.ts';
import { SnapshotReader, type SnapshotRows } from './snapshot-reader.ts';
import {
  type StoredTable,
  beginSnapshot,
  exportSnapshot,
  joinSnapshot,
  lockTable,
} from './snapshot-session.ts';
import { identifier } from '../wire/sql-text.ts';
import { isTablesOwn } from './table-fault.ts';
import type { ToastFill } from '../toast/toast-fill.ts';
import { transactionHead } from '../changes/transaction-head.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

export interface SnapshotOptions {
  /** Opens an ordinary session, which is closed by whoever asked for it. */
  readonly openSession: () => Promise<WireConnection>;
  readonly catalog: Catalog;
  readonly book: SchemaBook;
  readonly batcher: Batcher;
  readonly schemaChanges: SchemaChangeTopic | null;
  readonly publicationName: string;
  readonly tables: readonly PublishedTable[];
  readonly toast: ToastFill;
  readonly tablesAtOnce: number;
  /** Sessions that read one table; more than one gives its stored order up. */
  readonly rangesAtOnce: number;
  /** Where the stream begins: `__lsn` of every row. */
  readonly consistentPoint: Lsn;
  /** The slot's exported snapshot; null reads what is there now. */
  readonly snapshotName: string | null;
  readonly onRow: (encoder: RowEncoder) => void;
  /** All rows of the table are with the batcher. */
  readonly onTable: (table: PublishedTable) => void;
  readonly onReport: (table: PublishedTable, report: CopyReport | null) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A table that is being read. */
interface TableRead {
  readonly table: PublishedTable;
  readonly encoder: RowEncoder;
  /** `SELECT ... FROM ...`, without a condition. */
  readonly select: string;
  readonly pace: CopyPace;
  readonly log: Log;
  rows: number;
}

/**
 * Reads tables in one snapshot, several at a time, and publishes the rows as `r`. All are locked (ACCESS SHARE) before
 * the first row is read. Returns false when `signal` ended it early. A table that cannot be read, or whose rows the
 * snapshot does not see any more, is left: `onTable` is not told of it.
 *
 * The first time the snapshot is the slot's own: each row once, exactly as of the consistent point. After a crash that
 * one is gone, and the tables are read again as they are now. Rows are then published a second time, possibly newer than
 * changes the stream still replays from the consistent point on; every key ends right once the stream has passed the
 * time of the second read, and a row that was deleted meanwhile gets its tombstone from there.
 */
export async function readSnapshot(options: SnapshotOptions): Promise<boolean> {
  const { signal, tablesAtOnce, rangesAtOnce } = options;
  await using stack = new AsyncDisposableStack();
  const lead = stack.use(await options.openSession());
  await beginSnapshot(lead, options.snapshotName);
  const rows = await sharedRows(lead, options);
  const queue = new RangeQueue<TableRead>();
  const locked: PublishedTable[] = [];
  let ranges = 0;
  for (const { table, stored } of await lockAll(lead, options)) {
    const planned = await planRead(lead, options, table, stored, rows);
    if (planned === null) continue;
    locked.push(table);
    ranges += planned.ranges.length;
    queue.add(planned.read, planned.ranges, rangesAtOnce);
  }
  const sessions = [lead];
  const snapshotName = await exportSnapshot(lead);
  while (sessions.length < Math.min(tablesAtOnce * rangesAtOnce, ranges) && !signal.aborted) {
    const helper = stack.use(await options.openSession());
    if (await joinSnapshot(helper, snapshotName, locked)) sessions.push(helper);
    else {
      options.log.info(
        { sessions: sessions.length },
        'tables are locked by others: fewer sessions read them',
      );
      break;
    }
  }
  await readAll(options, sessions, queue, rows);
  return !signal.aborted;
}

async function sharedRows(lead: WireConnection, options: SnapshotOptions): Promise<SnapshotRows> {
  const [row] = await lead.query<{ micros: string }>(
    `SELECT (extract(epoch FROM now()) * 1000000)::int8::text AS micros`,
  );
  const { batcher, toast, consistentPoint: lsn, onRow } = options;
  const head = transactionHead(lsn, BigInt(must(row, 'now() gave no row').micros), 0);
  return { batcher, toast, head, lsn, onRow, seq: 0 };
}

interface LockedTable {
  readonly table: PublishedTable;
  readonly stored: StoredTable;
}

/**
 * Locks the tables, and asks for the publication only then: it lists the columns too, and one that was added while the
 * slot waited for its snapshot has values in it. Leaves tables that cannot be read.
 */
async function lockAll(lead: WireConnection, options: SnapshotOptions): Promise<LockedTable[]> {
  const { tables, catalog, publicationName } = options;
  const locked: LockedTable[] = [];
  for (const table of tables) {
    const leave = (reason: string): void =>
      options.log.warn(
        { table: `${table.schema}.${table.table}`, reason },
        'the table is left out of the first read, and is copied beside the stream',
      );
    const stored = await lockTable(lead, table, (error) => leave(describe(error)));
    if (stored?.rewritten === true) leave('it was rewritten or truncated after the snapshot was taken');
    else if (stored !== null) locked.push({ table, stored });
  }
  const published = new Map(
    (await catalog.publishedTables(publicationName)).map((table) => [table.oid, table]),
  );
  return locked.flatMap(({ table: { oid }, stored }) => {
    const table = published.get(oid);
    return table === undefined ? [] : [{ table, stored }];
  });
}

/** Finds out how a locked table is to be read; null when it is left. */
async function planRead(
  lead: WireConnection,
  options: SnapshotOptions,
  table: PublishedTable,
  stored: StoredTable,
  { head, seq }: SnapshotRows,
): Promise<{ readonly read: TableRead; readonly ranges: PageRange<TableRead>[] } | null> {
  const { catalog, book, clock, rangesAtOnce } = options;
  const log = options.log.child({ table: `${table.schema}.${table.table}` });
  const relation = await catalog.relation(table);
  // Before every place in the stream: what is decided here holds whatever the position.
  const at = { lsn: 0n, seq: 0, replayed: false };
  const encoder = book.knows(relation)
    ? (book.encoder(relation.oid) ?? null)
    : await book.adopt(relation, at);
  if (encoder === null) {
    options.onTable(table);
    return null;
  }
  const change = options.schemaChanges?.record(relation, head, seq) ?? null;
  if (change !== null) options.batcher.precede(change);
  const columns = relation.columns.map((column) => identifier(column.name)).join(', ');
  const select = `SELECT ${columns} FROM ${tableSql(table, stored.only)}`;
  const pace = new CopyPace(clock, await estimateRows(lead, table, stored.only, null), 0);
  options.onReport(table, pace.report(0));
  const read = { table, encoder, select, pace, log, rows: 0 };
  return { read, ranges: pageRanges<TableRead>(read, stored.pages, stored.pages === 0 ? 1 : rangesAtOnce) };
}

/** The first error ends the other sessions too. */
async function readAll(
  options: SnapshotOptions,
  sessions: readonly WireConnection[],
  queue: RangeQueue<TableRead>,
  rows: SnapshotRows,
): Promise<void> {
  for (const session of sessions) session.takeOver();
  const wake = (): void => {
    for (const session of sessions) session.nudge();
  };
  options.signal.addEventListener('abort', wake, { once: true });
  let failure: { readonly error: unknown } | null = null;
  const lanes = sessions.map(async (session) => {
    try {
      await readRanges(options, session, queue, rows);
    } catch (error) {
      failure ??= { error };
      for (const other of sessions) other.abort(new Error('another session of the snapshot has failed'));
    }
  });
  await Promise.all(lanes);
  options.signal.removeEventListener('abort', wake);
  // The closure above is not seen by the type checker.
  const failed = failure as { readonly error: unknown } | null;
  if (failed !== null) throw failed.error;
}

async function readRanges(
  options: SnapshotOptions,
  session: WireConnection,
  queue: RangeQueue<TableRead>,
  rows: SnapshotRows,
): Promise<void> {
  for (let range = queue.take(); range !== null; range = queue.take()) {
    const { table: read } = range;
    try {
      if (!(await readRange(options, session, range, rows))) return;
    } catch (error) {
      if (!isTablesOwn(error)) throw error;
      queue.drop(read);
      read.log.error({ reason: describe(error) }, 'the table cannot be read: the others go on without it');
      continue;
    }
    // In one step with the rows: what is published next has both.
    if (!queue.has(read) || !queue.done(range)) continue;
    options.onTable(read.table);
    options.onReport(read.table, null);
    read.log.info(read.pace.report(read.rows), 'table read');
  }
}

/** False when it was ended early. */
async function readRange(
  options: SnapshotOptions,
  session: WireConnection,
  range: PageRange<TableRead>,
  rows: SnapshotRows,
): Promise<boolean> {
  const { batcher, signal } = options;
  const { table: read } = range;
  const where = conditionsSql([read.table.filter, pagesSql(range)]);
  session.ask(`SAVEPOINT part; ${read.select}${where}; RELEASE SAVEPOINT part`);
  const reader = new SnapshotReader(rows, read.table.oid, read.encoder);
  while (!reader.done) {
    if (signal.aborted) return false;
    const segment = session.take();
    if (segment === null) {
      await session.readable();
      continue;
    }
    const before = reader.rows;
    for (let at = 0; at < segment.length;) {
      at = reader.read(segment, at);
      if (batcher.full) await batcher.makeRoom();
    }
    session.giveBack(segment);
    read.rows += reader.rows - before;
    if (read.pace.isDue) {
      const report = read.pace.report(read.rows);
      options.onReport(read.table, report);
      read.log.info(report, 'reading table');
    }
    await nextTurn();
  }
  if (reader.error === null) return true;
  session.ask('ROLLBACK TO SAVEPOINT part');
  await readAnswer(session, () => undefined);
  throw reader.error;
}

/** https://www.postgresql.org/docs/current/ddl-system-columns.html */
function pagesSql({ from, to }: PageRange<unknown>): string | null {
  if (from === 0 && to === null) return null;
  const begin = `ctid >= '(${from},0)'`;
  return to === null ? begin : `${begin} AND ctid < '(${to},0)'`;
}
