import { must } from '../../../infra/process/assert.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { type Alarm, AlarmBoard } from './alarm.ts';
import { type Lsn, lsnText, parseLsn } from '../place/lsn.ts';
import { Probe } from './probe.ts';
import { publicationAlarms } from './publication-alarms.ts';
import { publicationChange } from './publication-change.ts';
import { type PublicationReading, readPublication, tableExists } from './publication-reading.ts';
import type { RewriteWatch } from './rewrite-watch.ts';
import { type SlotReading, readSlot } from './slot-reading.ts';
import type { SourceMetrics } from '../source-metrics.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

const WATCH_INTERVAL_MS = 10_000;

export interface SlotWatchOptions {
  readonly sql: WireConnection;
  readonly slotName: string;
  readonly publicationName: string;
  readonly publicationOid: number;
  /** Tables that must stay in the publication, `schema.table`. */
  readonly tables: readonly string[];
  readonly rewrites?: RewriteWatch;
  readonly metrics: SourceMetrics;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of each failure; the stream must end. */
  readonly onError: (error: unknown) => void;
}

/**
 * Looks at slot and publication while the stream runs, and sends the probe. Postgres 18 only logs a warning when the
 * publication is gone, and leaves every change out; a table that is taken out is left out without a word.
 */
export function watchSlot(options: SlotWatchOptions): Disposable {
  const watch = new Watch(options);
  let busy = false;
  const look = (): void => {
    if (busy) return;
    busy = true;
    watch
      .look()
      .catch(options.onError)
      .finally(() => {
        busy = false;
      });
  };
  look();
  const timer = options.clock.every(WATCH_INTERVAL_MS, look);
  return {
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
      options.metrics.stalled = null;
    },
  };
}

class Watch {
  readonly #options: SlotWatchOptions;
  readonly #probe: Probe;
  readonly #alarms: AlarmBoard;
  #publication: PublicationReading | null = null;

  constructor(options: SlotWatchOptions) {
    this.#options = options;
    this.#probe = new Probe(options.clock.now());
    this.#alarms = new AlarmBoard(options.log);
  }

  async look(): Promise<void> {
    const { sql, slotName, publicationName, rewrites, clock } = this.#options;
    const slot = await readSlot(sql, slotName);
    if (slot === null) throw slotFailure('slot_missing', `slot ${slotName} was dropped while it was read`);
    if (slot.invalidation !== null)
      throw slotFailure('slot_lost', `the server has given slot ${slotName} up: ${slot.invalidation}`);
    const publication = await readPublication(sql, publicationName);
    await this.#compare(publication);
    const alarms = publication === null ? [] : publicationAlarms(publication);
    if (rewrites !== undefined) alarms.push(...(await rewrites.look(sql)));
    const stalled = await this.#askProbe(slot);
    this.#alarms.show(stalled === null ? alarms : [...alarms, stalled], clock.now());
  }

  async #compare(now: PublicationReading | null): Promise<void> {
    const { publicationName, publicationOid, tables, log, sql } = this.#options;
    if (now?.oid !== publicationOid)
      throw slotFailure(
        'publication_replaced',
        `publication ${publicationName} was dropped or made again while it was read: changes without a publication are not sent`,
      );
    const before = this.#publication ?? now;
    this.#publication = now;
    const { added, removed, replaced } = publicationChange(before, now);
    for (const table of added) log.info({ table }, 'the table has joined the publication');
    for (const table of replaced)
      log.warn(
        { table },
        'the table was taken out of the publication and put back, or its filter was changed: changes in between may be missing, read it again',
      );
    for (const table of removed) {
      const exists = await tableExists(sql, table);
      if (exists && tables.includes(table)) throw tableRemoved(publicationName, table);
      log.warn({ table }, exists ? 'the table has left the publication' : 'the table was dropped');
    }
  }

  /** The alarm of a source that stands still, or null. */
  async #askProbe({ confirmedFlush, lagBytes }: SlotReading): Promise<Alarm | null> {
    const { sql, slotName, metrics, clock } = this.#options;
    const probe = this.#probe;
    if (probe.due(clock.now())) probe.sent(await writeProbe(sql, slotName), clock.now());
    probe.saw(confirmedFlush, metrics.commits, clock.now());
    const nowMs = clock.now();
    metrics.lag(probe.lagMs(nowMs));
    const stalled = probe.pace(nowMs) === 'stalled';
    const message = `nothing was published for ${Math.round(probe.lagMs(nowMs) / 1000)} s, and ${lagBytes} bytes of WAL wait behind ${lsnText(confirmedFlush)}`;
    metrics.stalled = stalled ? message : null;
    if (!stalled) return null;
    return {
      code: 'source.stalled',
      level: 'error',
      message,
      fix: 'look for warnings of Kafka or the registry above; restart the source if there are none',
    };
  }
}

/** A message outside of any transaction: nothing waits for it, and a reader passes it over. */
async function writeProbe(sql: WireConnection, slotName: string): Promise<Lsn> {
  const [row] = await sql.query<{ lsn: string }>(
    `SELECT pg_logical_emit_message(false, 'millrace.probe', $1)::text AS lsn`,
    [slotName],
  );
  return parseLsn(must(row, 'pg_logical_emit_message gave no row').lsn);
}

function slotFailure(code: string, message: string): Failure {
  return new Failure(`source.${code}`, 'stop', message, {
    fix: 'start afresh under another slot name and topic prefix',
  });
}

function tableRemoved(publication: string, table: string): Failure {
  return new Failure(
    'source.publication_tables',
    'stop',
    `table ${table} was taken out of publication ${publication} while it was read: its changes are not sent`,
    {
      fix: `ALTER PUBLICATION "${publication}" ADD TABLE ${table} and read the table again, or take it out of --tables`,
    },
  );
}
