import { must } from '../../../infra/process/assert.ts';
import { type BackoffPolicy, backoffMs } from '../../../infra/process/backoff.ts';
import { describe } from '../../../infra/process/failure.ts';
import type { BackfillRequest } from './backfill-request.ts';
import { Catalog, type PublishedTable } from '../shapes/catalog.ts';
import { newCopy } from './copy-state.ts';
import type { Lsn } from '../place/lsn.ts';
import { type CopySessions, TableCopier, type TableCopierOptions } from './table-copier.ts';
import { refuseCollisions } from '../shapes/topics.ts';
import { isTablesOwn, sqlState } from './table-fault.ts';
import { parseVisibility } from './visibility.ts';
import { WireConnection } from '../wire/wire-connection.ts';

/** A table that is added to the publication is noticed so soon. */
const PUBLICATION_INTERVAL_MS = 2_000;
const RUNNING_INTERVAL_MS = 50;
const RUNNING_LOG_INTERVAL_MS = 10_000;
/** A table that cannot be read is tried again after this long, and after twice as long each time. */
const FAULT: BackoffPolicy = { initialMs: 200, maxMs: 60_000, attemptsMax: Number.POSITIVE_INFINITY };
/** Syntax, names and rights; and values that an expression cannot take. */
const REFUSED = /^(22|42)/;

export interface CopierOptions extends Omit<TableCopierOptions, 'clear' | 'openSession'> {
  readonly databaseUrl: string;
  readonly slotName: string;
  readonly topicPrefix: string;
  /** In [0, 1). */
  readonly random: () => number;
  /** Looks at the publication. */
  readonly catalog: Catalog;
  /** False for a table that is published by other means, or not at all. */
  readonly isCopied: (table: PublishedTable) => boolean;
  /** Tables that are copied at the same time. */
  readonly tablesAtOnce: number;
  /** The slot was made in this session: nothing has been streamed from it before. */
  readonly fresh: boolean;
  /** A table that is published again: what its topic has from before `since` is of another time. */
  readonly onAdded: (table: PublishedTable, since: Lsn) => void;
  /** Told of what ends the copying; the stream must end too. */
  readonly onError: (error: unknown) => void;
}

/**
 * Copies tables while the stream runs: those of the first copy, those that are added to the publication, and those that
 * a backfill names. A few tables at a time, each in chunks one behind the other.
 */
export class Copier {
  readonly #options: CopierOptions;
  readonly #busy = new Set<number>();
  /** Per table: the count of streamed transactions that its wait was for. */
  readonly #cleared = new Map<number, number>();
  /** Tables that could not be read, and when they are tried again. */
  readonly #faults = new Map<number, { readonly count: number; readonly untilMs: number }>();
  #tables = new Map<number, PublishedTable>();
  #wake = new AbortController();

  constructor(options: CopierOptions) {
    this.#options = options;
    const { copies, windows, fresh } = options;
    if (copies.state.open.length === 0) return;
    windows.count();
    if (fresh) for (const { oid } of copies.state.open) this.#cleared.set(oid, windows.generation);
  }

  /** Compares the publication with what is copied; resolves when the copies that it asks for are open. */
  async look(): Promise<void> {
    await this.#look(this.#options.catalog);
  }

  /** Works until the signal aborts. */
  async run(): Promise<void> {
    const { tablesAtOnce, signal, windows } = this.#options;
    const stop = (): void => {
      windows.abandon();
      this.#wake.abort();
    };
    signal.addEventListener('abort', stop, { once: true });
    const told = (error: unknown): void => {
      if (!signal.aborted) this.#options.onError(error);
    };
    // Nobody waits for what watches: it asks over the stream's session, whose line may be dead.
    void this.#watch().catch(told);
    const workers = Array.from({ length: tablesAtOnce }, () => this.#work());
    await Promise.all(workers.map((worker) => worker.catch(told)));
  }

  /** Does what a message in the stream asks for. */
  asked(request: BackfillRequest): void {
    const { copies, log, metrics } = this.#options;
    const { oid, action, where } = request;
    const earlier = copies.copy(oid);
    const table = this.#tables.get(oid);
    const facts = { table: table && `${table.schema}.${table.table}`, oid, filtered: where !== null };
    if (action === 'copy') {
      if (!copies.state.copied.includes(oid) && earlier === undefined) {
        log.warn(facts, 'a backfill names a table that is not published');
        return;
      }
      log.info(facts, 'backfill begins');
      // The first copy of all stays what it is.
      const filter = earlier === undefined ? where : null;
      const { since, moved } = earlier ?? {};
      copies.begin({ ...newCopy(oid, earlier?.initial === true, filter), since, moved });
    } else if (earlier === undefined) {
      log.warn(facts, `nothing to ${action}: the table is not being copied`);
      return;
    } else if (action === 'cancel') {
      copies.finish(oid);
      if (table !== undefined) metrics.copyGone(table);
      log.warn(facts, 'the copy is cancelled: rows that it had not come to are not published');
    } else {
      copies.advance({ ...earlier, paused: action === 'pause' });
      log.info(facts, action === 'pause' ? 'the copy is paused' : 'the copy goes on');
    }
    this.#faults.delete(oid);
    this.#rouse();
  }

  #rouse(): void {
    const sleeping = this.#wake;
    this.#wake = new AbortController();
    sleeping.abort();
  }

  async #watch(): Promise<void> {
    const { catalog, clock, signal } = this.#options;
    await this.#look(catalog);
    this.#rouse();
    while (!signal.aborted) {
      await clock.sleep(PUBLICATION_INTERVAL_MS, signal);
      if (!signal.aborted) await this.#look(catalog);
    }
  }

  /** Compares the publication with what is copied. */
  async #look(catalog: Catalog): Promise<void> {
    const { publicationName, topicPrefix, copies, isCopied, onAdded, log } = this.#options;
    const tables = (await catalog.publishedTables(publicationName)).filter(isCopied);
    refuseCollisions(topicPrefix, tables);
    this.#tables = new Map(tables.map((table) => [table.oid, table]));
    copies.keepOnly(new Set(this.#tables.keys()));
    this.#options.metrics.copies.watch(copies, tables);
    if (copies.unknown(this.#tables.keys()).length === 0) return;
    const since = await catalog.walLsn();
    for (const oid of copies.unknown(this.#tables.keys())) {
      const added = must(this.#tables.get(oid), 'a published table');
      log.info(
        { table: `${added.schema}.${added.table}` },
        'table was added to the publication: it is copied',
      );
      copies.begin({ ...newCopy(oid, false), since: String(since) });
      onAdded(added, since);
    }
    this.#rouse();
  }

  async #work(): Promise<void> {
    const { clock, signal, copies, windows } = this.#options;
    while (!signal.aborted) {
      if (this.#next() === undefined) {
        if (copies.state.open.length === 0) windows.rest();
        await clock.sleep(PUBLICATION_INTERVAL_MS, this.#wake.signal);
        continue;
      }
      await this.#copyAll();
    }
  }

  #next(): number | undefined {
    const nowMs = this.#options.clock.now();
    return this.#options.copies.state.open.find(
      ({ oid, paused }) =>
        !paused &&
        !this.#busy.has(oid) &&
        this.#tables.has(oid) &&
        (this.#faults.get(oid)?.untilMs ?? 0) <= nowMs,
    )?.oid;
  }

  /** Sessions are held only while there is something to copy. */
  async #copyAll(): Promise<void> {
    const { signal } = this.#options;
    await using sql = await WireConnection.open(this.#connect());
    await using chunks = await WireConnection.open(this.#connect());
    chunks.takeOver();
    // Whoever waits for a lock on the server is let go.
    const cut = (): void => {
      const end = new Error('the copy is given up');
      chunks.abort(end);
      void sql[Symbol.asyncDispose]();
    };
    signal.addEventListener('abort', cut, { once: true });
    if (signal.aborted) cut();
    try {
      const catalog = await Catalog.open(sql);
      for (let oid = this.#next(); oid !== undefined && !signal.aborted; oid = this.#next())
        await this.#copy(oid, { sql, catalog, chunks });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', cut);
    }
  }

  async #copy(oid: number, sessions: CopySessions): Promise<void> {
    const { windows, copies, signal, log, metrics } = this.#options;
    const table = must(this.#tables.get(oid), 'a published table');
    this.#busy.add(oid);
    windows.count();
    const clear = (cleared: number, sql: WireConnection): Promise<void> => this.#clear(cleared, sql);
    const openSession = (): Promise<WireConnection> => WireConnection.open(this.#connect());
    try {
      await new TableCopier({ ...this.#options, clear, openSession }, sessions, table).run();
      this.#faults.delete(oid);
      metrics.copyFailing(table, null);
    } catch (error) {
      if (signal.aborted) throw error;
      await this.#look(sessions.catalog);
      const copy = copies.copy(oid);
      const facts = { table: `${table.schema}.${table.table}`, reason: describe(error) };
      if (copy !== undefined && copy.where !== null && REFUSED.test(sqlState(error))) {
        copies.finish(oid);
        metrics.copyGone(table);
        log.error(facts, 'the backfill is given up: Postgres refuses to read by its condition');
        return;
      }
      if (copy === undefined) log.warn(facts, 'the table is gone while it was read');
      else if (isTablesOwn(error)) this.#failed(table, facts);
      else throw error;
    } finally {
      this.#busy.delete(oid);
    }
  }

  /** The other tables go on without this one. It changed while it was read, or something is wrong with it. */
  #failed(table: PublishedTable, facts: { readonly reason: string }): void {
    const { clock, random, log, metrics } = this.#options;
    const count = (this.#faults.get(table.oid)?.count ?? 0) + 1;
    const waitMs = Math.round(backoffMs(FAULT, count, random));
    this.#faults.set(table.oid, { count, untilMs: clock.now() + waitMs });
    metrics.copyFailing(table, facts.reason);
    if (count === 1) log.warn({ ...facts, waitMs }, 'the table cannot be read, or changed while it was read');
    else
      log.error(
        { ...facts, waitMs, count },
        'the table cannot be read: the others go on without it; mend it, or cancel its copy',
      );
  }

  #connect(): { url: string; replication: false; applicationName: string } {
    const { databaseUrl, slotName } = this.#options;
    return { url: databaseUrl, replication: false, applicationName: `millrace-copy ${slotName}` };
  }

  /**
   * Waits until every transaction has ended that runs now. One that was open when the table came into the publication
   * is streamed in part, and the rest of it is in the table once it is over. One that was streamed before transactions
   * were counted may not be visible yet; it is when it counts as ended.
   */
  async #clear(oid: number, sql: WireConnection): Promise<void> {
    const { windows, clock, log, signal } = this.#options;
    const { generation } = windows;
    if (this.#cleared.get(oid) === generation) return;
    const { xmax } = await visibility(sql);
    for (let waitedMs = 0; !signal.aborted; waitedMs += RUNNING_INTERVAL_MS) {
      const now = await visibility(sql);
      if (now.xmin >= xmax) break;
      if (waitedMs % RUNNING_LOG_INTERVAL_MS === 0)
        log.info({ oid, running: [...now.running] }, 'a copy waits for the transactions that run to end');
      await clock.sleep(RUNNING_INTERVAL_MS, signal);
    }
    this.#cleared.set(oid, generation);
  }
}

async function visibility(sql: WireConnection): Promise<ReturnType<typeof parseVisibility>> {
  const [row] = await sql.query<{ text: string }>('SELECT pg_current_snapshot()::text AS text');
  return parseVisibility(must(row, 'pg_current_snapshot() gave no row').text);
}
