import { must } from '../../../infra/process/assert.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import type { Log } from '../../../infra/process/log.ts';
import { FRAME_BYTES } from '../../../schemas/serde/wire-format.ts';
import { isRowsOwn } from '../records/bad-rows.ts';
import type { Catalog, PublishedTable } from '../shapes/catalog.ts';
import { type ChunkAnswer, markChunk, readChunk } from './chunk-reader.ts';
import { type ChunkRow, ChunkRows } from './chunk-rows.ts';
import { type Verdict, keyText } from './chunk-window.ts';
import type { ChunkWindows } from './chunk-windows.ts';
import { CopyPace } from './copy-pace.ts';
import { type CopyBook, type TableCopy, restarted } from './copy-state.ts';
import { copyKeyless } from './keyless-copy.ts';
import type { KeylessRows } from './keyless-rows.ts';
import { estimateRows } from './row-estimate.ts';
import type { SchemaBook } from '../shapes/schema-book.ts';
import type { SourceMetrics } from '../source-metrics.ts';
import { type TablePlan, lastKey, planTable } from './table-plan.ts';
import { Tuple, readDataRow } from '../changes/tuple.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

/** A table's first chunk has so many rows at most; the next ones grow with what fits. */
const FIRST_ROWS = 1_000;
const GROWTH = 2;
/** Once a chunk had no room for its rows: what is sent in vain is sent again. */
const GROWTH_WHEN_CUT = 1.125;
/**
 * While the stream delivers changes of others, a chunk has so many rows at most: they go in one piece, and what comes
 * meanwhile waits for it.
 */
const BUSY_ROWS = 2_000;
/** In the time of one chunk. */
const BUSY_TRANSACTIONS = 2;
const AGAIN_MS = 10;
const AGAIN_MAX_MS = 1_000;

/** Two sessions of one worker. */
export interface CopySessions {
  /** Plain SQL. */
  readonly sql: WireConnection;
  readonly catalog: Catalog;
  /** Chunks; taken over from `pg`. */
  readonly chunks: WireConnection;
}

export interface TableCopierOptions {
  readonly windows: ChunkWindows;
  readonly keyless: KeylessRows;
  /** A session of one copy's own, closed by the copy. */
  readonly openSession: () => Promise<WireConnection>;
  readonly copies: CopyBook;
  readonly book: SchemaBook;
  readonly publicationName: string;
  /** Rows and bytes of a chunk. */
  readonly chunkRowsMax: number;
  readonly chunkBytesMax: number;
  readonly metrics: SourceMetrics;
  readonly clock: Clock;
  readonly log: Log;
  /** Names a window; unlike any other in the WAL. */
  readonly windowId: () => string;
  /** A copy ended without a chunk: Kafka has to be told. */
  readonly onProgress: () => void;
  /** Resolves when no transaction is open that a chunk of the table could miss. */
  readonly clear: (oid: number, sql: WireConnection) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Copies one table from where its copy is, chunk by chunk, until it is done or given up. */
export class TableCopier {
  readonly #options: TableCopierOptions;
  readonly #sessions: CopySessions;
  readonly #table: PublishedTable;
  /** Of the copy that is under way. */
  #pace: CopyPace | null = null;
  readonly #log: Log;
  readonly #tuple = new Tuple();
  #plan: TablePlan | null = null;
  /** What the stream had announced when the plan was made. */
  #shape = 0;
  #rowsMax = FIRST_ROWS;
  #growth = GROWTH;
  #isBusy = false;
  #again = 0;
  /** Read so far, by this copy. */
  #rows = 0;

  constructor(options: TableCopierOptions, sessions: CopySessions, table: PublishedTable) {
    this.#options = options;
    this.#sessions = sessions;
    this.#table = table;
    this.#rowsMax = Math.min(FIRST_ROWS, options.chunkRowsMax);
    this.#log = options.log.child({ table: `${table.schema}.${table.table}` });
  }

  async run(): Promise<void> {
    const { copies, signal } = this.#options;
    const { oid } = this.#table;
    const next = (): TableCopy | undefined => copies.copy(oid);
    for (let copy = next(); copy?.paused === false && !signal.aborted; copy = next()) {
      await this.#options.clear(oid, this.#sessions.sql);
      if (this.#plan === null) {
        this.#shape = this.#options.windows.shape(oid);
        this.#plan = await planTable(
          this.#sessions.sql,
          this.#sessions.catalog,
          this.#options.book,
          this.#options.publicationName,
          oid,
        );
      }
      this.#pace ??= await this.#newPace(this.#plan, copy);
      if (this.#plan.key.length === 0) await this.#whole(this.#plan, copy);
      else await this.#step(this.#plan, copy);
    }
  }

  async #newPace({ table, only }: TablePlan, copy: TableCopy): Promise<CopyPace> {
    const rows = await estimateRows(this.#sessions.sql, table, only, copy.where);
    const pace = new CopyPace(this.#options.clock, rows, copy.rows);
    this.#options.metrics.copying(this.#table, pace.report(copy.rows));
    return pace;
  }

  /** A table without a key: it cannot be gone on with. */
  async #whole(plan: TablePlan, found: TableCopy): Promise<void> {
    const { copies } = this.#options;
    if (copies.copy(found.oid) !== found) return;
    if (found.rows > 0)
      this.#log.warn(
        { rows: found.rows },
        'the table has no key: its copy is begun again, and these rows are published twice',
      );
    const copy = restarted(found);
    copies.advance(copy);
    this.#pace = await this.#newPace(plan, copy);
    const onPart = (rows: number): void => {
      this.#rows = rows;
      this.#published(copy.oid);
    };
    const options = { ...this.#options, sessions: this.#sessions, plan, shape: this.#shape, onPart };
    if (await copyKeyless(options, copy)) return;
    await this.#wait();
  }

  async #step(plan: TablePlan, copy: TableCopy): Promise<void> {
    const { copies } = this.#options;
    const last = copy.last ?? (await lastKey(this.#sessions.sql, plan, copy));
    if (last === null) {
      if (copies.copy(copy.oid) === copy) copies.finish(copy.oid);
      this.#log.info({ rows: 0 }, 'table copied: it is empty');
      return this.#options.onProgress();
    }
    const verdict = await this.#chunk(plan, copy, last);
    if (verdict === 'published') return this.#published(copy.oid);
    this.#options.metrics.chunk(this.#table, 'again');
    this.#rowsMax = Math.max(1, Math.floor(this.#rowsMax / GROWTH));
    await this.#wait();
  }

  /** Everything is asked anew. */
  async #wait(): Promise<void> {
    const { clock, signal } = this.#options;
    this.#plan = null;
    await clock.sleep(Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** this.#again++), signal);
  }

  /** Reads one chunk, marks its place in the WAL, and waits until the stream has come there. */
  async #chunk(plan: TablePlan, copy: TableCopy, last: readonly string[]): Promise<Verdict> {
    const { windows } = this.#options;
    const window = windows.open(this.#options.windowId(), copy.oid, this.#shape);
    let segments: readonly Buffer[] = [];
    const delivered = windows.delivered;
    try {
      const answer = await readChunk(this.#sessions.chunks, {
        ...plan,
        cursor: copy.cursor,
        last,
        where: copy.where,
        rowsMax: this.#rowsMax,
        bytesMax: this.#options.chunkBytesMax,
      });
      ({ segments } = answer);
      if (answer.isCut) {
        this.#growth = GROWTH_WHEN_CUT;
        this.#rowsMax = Math.max(1, answer.rows.length);
      }
      if (!answer.fits) return 'again';
      windows.forget(answer.visibility);
      const chunk = {
        relation: plan.relation,
        rows: new ChunkRows(answer.rows, (row, place) => this.#keyText(plan, row) ?? `bad key ${place}`),
        from: copy,
        next: this.#next(plan, copy, last, answer),
        last: answer.complete,
      };
      window.read(answer.visibility, chunk);
      if (window.chunk === null) return 'again';
      await markChunk(this.#sessions.chunks, window.id);
      const verdict = await window.settled;
      this.#isBusy = windows.delivered - delivered >= BUSY_TRANSACTIONS;
      if (verdict === 'published') this.#rows = chunk.next.rows;
      return verdict;
    } finally {
      windows.close(window);
      for (const segment of segments) this.#sessions.chunks.giveBack(segment);
    }
  }

  /** Null for a key that cannot be encoded: publishing the row tells what is wrong with it. */
  #keyText(plan: TablePlan, row: ChunkRow): string | null {
    readDataRow(row.segment, row.at, this.#tuple);
    try {
      return keyText(
        must(plan.keyEncoder.key(row.segment, this.#tuple, null), 'a table with a key'),
        FRAME_BYTES,
      );
    } catch (error) {
      if (!isRowsOwn(error)) throw error;
      return null;
    }
  }

  #next(plan: TablePlan, copy: TableCopy, last: readonly string[], answer: ChunkAnswer): TableCopy {
    const row = answer.rows.at(-1);
    const tuple = this.#tuple;
    let { cursor } = copy;
    if (row !== undefined) {
      readDataRow(row.segment, row.at, tuple);
      cursor = plan.keyPlaces.map((place) =>
        row.segment.toString('utf8', tuple.starts[place], tuple.ends[place]),
      );
    }
    const rows = copy.rows + answer.rows.length;
    return { ...copy, cursor: cursor && [...cursor], last: [...last], chunks: copy.chunks + 1, rows };
  }

  #published(oid: number): void {
    const { copies, metrics, chunkRowsMax } = this.#options;
    const copy = copies.copy(oid);
    this.#again = 0;
    const rowsMax = this.#isBusy ? Math.min(BUSY_ROWS, chunkRowsMax) : chunkRowsMax;
    this.#rowsMax = Math.min(rowsMax, Math.ceil(this.#rowsMax * this.#growth));
    metrics.chunk(this.#table, 'published');
    if (copy === undefined) {
      metrics.copying(this.#table, null);
      this.#log.info({ rows: this.#rows }, 'table copied');
      return;
    }
    const pace = must(this.#pace, 'a copy has a pace');
    const report = pace.report(copy.rows);
    metrics.copying(this.#table, report);
    if (pace.isDue) this.#log.info(report, 'copying table');
  }
}
