import type { Clock } from '../../infra/process/clock.ts';
import { Failure } from '../../infra/process/failure.ts';
import type { SourceMetrics } from './source-metrics.ts';
import type { WireConnection } from './wire-connection.ts';

const WATCH_INTERVAL_MS = 10_000;

export interface SlotWatchOptions {
  readonly sql: WireConnection;
  readonly slotName: string;
  readonly publicationName: string;
  readonly publicationOid: number;
  readonly metrics: SourceMetrics;
  readonly clock: Clock;
  /** Told once; the stream must end. */
  readonly onError: (error: unknown) => void;
}

/**
 * Looks at slot and publication while the stream runs. Postgres 18 only logs a warning when the publication is gone,
 * and leaves every change out.
 */
export function watchSlot(options: SlotWatchOptions): Disposable {
  let busy = false;
  const look = (): void => {
    if (busy) return;
    busy = true;
    check(options)
      .catch(options.onError)
      .finally(() => {
        busy = false;
      });
  };
  look();
  return options.clock.every(WATCH_INTERVAL_MS, look);
}

async function check(options: SlotWatchOptions): Promise<void> {
  const [row] = await options.sql.query<{ lag: number; retained: number; publication: number | null }>(
    `SELECT (pg_current_wal_flush_lsn() - confirmed_flush_lsn)::float8 AS lag,
       (pg_current_wal_flush_lsn() - restart_lsn)::float8 AS retained,
       (SELECT oid::int8::float8 FROM pg_publication WHERE pubname = $2) AS publication
     FROM pg_replication_slots WHERE slot_name = $1`,
    [options.slotName, options.publicationName],
  );
  if (row === undefined)
    throw new Failure(
      'source.slot_missing',
      'stop',
      `slot ${options.slotName} was dropped while it was read`,
      {
        fix: 'start afresh under another slot name and topic prefix',
      },
    );
  if (row.publication !== options.publicationOid)
    throw new Failure(
      'source.publication_replaced',
      'stop',
      `publication ${options.publicationName} was dropped or made again while it was read`,
      {
        fix: 'start afresh under another slot name and topic prefix: changes without a publication are not sent',
      },
    );
  options.metrics.slot(row.lag, row.retained);
}
