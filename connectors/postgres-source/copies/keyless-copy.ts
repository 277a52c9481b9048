import { must } from '../../../infra/process/assert.ts';
import { BACKEND, backendError } from '../wire/backend-message.ts';
import { conditionsSql, markChunk, shapeSql, tableSql } from './chunk-reader.ts';
import { type ChunkRow, ChunkRows } from './chunk-rows.ts';
import type { ChunkWindow } from './chunk-window.ts';
import type { TableCopy } from './copy-state.ts';
import { beginSnapshot, lockTable } from './snapshot-session.ts';
import { identifier } from '../wire/sql-text.ts';
import type { CopySessions, TableCopierOptions } from './table-copier.ts';
import type { TablePlan } from './table-plan.ts';
import { type Visibility, parseVisibility } from './visibility.ts';
import type { WireConnection } from '../wire/wire-connection.ts';
import { HEADER_BYTES } from '../wire/wire-framer.ts';

export interface KeylessCopyOptions extends TableCopierOptions {
  readonly sessions: CopySessions;
  readonly plan: TablePlan;
  /** What the stream had announced when the plan was made. */
  readonly shape: number;
  /** A part is published: the copy as it is now. */
  readonly onPart: (rows: number) => void;
}

/**
 * Copies a table that has no key, from its first row, in one snapshot, while the stream goes on. Parts of it are published
 * at marks in the WAL, as chunks are. False when it has to be begun again.
 *
 * Each row is published once, by the copy or by the stream. Only a copy that ends in the middle breaks that: nothing says
 * which rows of it are in the topic, and the next attempt publishes them again.
 */
export async function copyKeyless(options: KeylessCopyOptions, copy: TableCopy): Promise<boolean> {
  const { signal, copies } = options;
  await using session = await options.openSession();
  const cut = (): void => session.abort(new Error('the copy is given up'));
  signal.addEventListener('abort', cut, { once: true });
  try {
    if (!(await takeCut(options, copy, session))) return false;
    session.takeOver();
    session.ask(rowsSql(options.plan, copy));
    const pump = new RowPump(session);
    for (let from = copies.copy(copy.oid); from !== undefined; from = copies.copy(copy.oid)) {
      const part = await pump.next(options.chunkRowsMax, options.chunkBytesMax);
      if (!(await publishPart(options, from, part, pump.done))) return false;
      options.onPart(from.rows + part.length);
      if (pump.done) return true;
    }
    return false;
  } finally {
    signal.removeEventListener('abort', cut);
  }
}

/** Takes the snapshot and lets the stream find its place. False when a part of it is unknown. */
async function takeCut(
  options: KeylessCopyOptions,
  copy: TableCopy,
  session: WireConnection,
): Promise<boolean> {
  const { windows, keyless, plan, sessions } = options;
  const window = windows.open(options.windowId(), copy.oid, options.shape);
  keyless.open(window);
  try {
    const snapshot = await lockedSnapshot(session, sessions.sql, plan);
    if (snapshot === null) return false;
    windows.forget(snapshot);
    keyless.read(window, snapshot);
    window.read(snapshot, chunkOf(plan, copy, [], copy, false));
    if (window.chunk === null) return false;
    await markChunk(sessions.chunks, window.id);
    return (await window.settled) === 'published';
  } finally {
    windows.close(window);
    keyless.close(window);
  }
}

/** Null when the table's shape or its files are not what they were. */
async function lockedSnapshot(
  session: WireConnection,
  sql: WireConnection,
  plan: TablePlan,
): Promise<Visibility | null> {
  await beginSnapshot(session, null);
  const stored = await lockTable(session, plan.table, (error) => {
    throw error;
  });
  const [row] = await session.query<{ text: string }>('SELECT pg_current_snapshot()::text AS text');
  // Asked in a session of its own: the columns as they are under the lock.
  const [now] = await sql.query<{ shape: string }>(`SELECT ${shapeSql(plan.table.oid)} AS shape`);
  if (stored === null || stored.rewritten || now?.shape !== plan.shape) return null;
  return parseVisibility(must(row, 'pg_current_snapshot() gave no row').text);
}

function rowsSql(plan: TablePlan, copy: TableCopy): string {
  const columns = plan.relation.columns.map((column) => identifier(column.name)).join(', ');
  return `SELECT ${columns} FROM ${tableSql(plan.table, plan.only)}${conditionsSql([plan.table.filter, copy.where])}`;
}

function chunkOf(
  { relation }: TablePlan,
  from: TableCopy,
  part: readonly ChunkRow[],
  next: TableCopy,
  last: boolean,
): NonNullable<ChunkWindow['chunk']> {
  const rows = new ChunkRows(part, (_, place) => String(place));
  return { relation, rows, from, next, last };
}

async function publishPart(
  options: KeylessCopyOptions,
  from: TableCopy,
  part: readonly ChunkRow[],
  last: boolean,
): Promise<boolean> {
  const { windows, plan, sessions, metrics } = options;
  const window = windows.openPart(options.windowId(), from.oid);
  try {
    const next = { ...from, chunks: from.chunks + 1, rows: from.rows + part.length };
    window.read(EVERYTHING, chunkOf(plan, from, part, next, last));
    await markChunk(sessions.chunks, window.id);
    const verdict = await window.settled;
    metrics.chunk(plan.table, verdict);
    return verdict === 'published';
  } finally {
    windows.close(window);
  }
}

/** The rows of a part were told from the stream's at the cut. */
const EVERYTHING: Visibility = {
  xmin: Number.POSITIVE_INFINITY,
  xmax: Number.POSITIVE_INFINITY,
  running: new Set(),
};

/** Pulls the rows of one SELECT; the server waits while nobody does. */
class RowPump {
  done = false;
  readonly #session: WireConnection;
  #segment: Buffer | null = null;
  #at = 0;
  #error: Error | null = null;

  constructor(session: WireConnection) {
    this.#session = session;
  }

  /** Rows up to either bound, at least one; fewer when {@link done}. @throws the server's own error */
  async next(rowsMax: number, bytesMax: number): Promise<readonly ChunkRow[]> {
    const rows: ChunkRow[] = [];
    let bytes = 0;
    while (!this.done && rows.length < rowsMax && bytes < bytesMax) {
      if (this.#segment === null) {
        await this.#fill();
        continue;
      }
      const segment = this.#segment;
      const at = this.#at;
      const end = at + 1 + segment.readInt32BE(at + 1);
      if (segment[at] === BACKEND.dataRow) {
        rows.push({ segment, at: at + HEADER_BYTES });
        bytes += end - at;
      } else if (segment[at] === BACKEND.error) this.#error ??= backendError(segment, at, end);
      else if (segment[at] === BACKEND.ready) this.done = true;
      this.#at = end;
      if (end >= segment.length) this.#segment = null;
    }
    if (this.#error !== null) throw this.#error;
    return rows;
  }

  async #fill(): Promise<void> {
    this.#segment = this.#session.take();
    this.#at = 0;
    if (this.#segment === null) await this.#session.readable();
  }
}
