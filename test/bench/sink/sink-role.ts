import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../../infra/process/clock.ts';
import { dieWithParent } from '../../support/die-with-parent.ts';
import type { BenchDatabase } from '../source/bench-database.ts';
import type { BenchPlace } from '../source/bench-place.ts';
import type { ChangedRows } from './changed-rows.ts';
import type { PartRun } from './part.ts';
import { watchOrders } from './target-orders.ts';

const MAIN = fileURLToPath(new URL('../../../connectors/postgres-sink/main.ts', import.meta.url));
const LINES_KEPT = 40;
const POLL_MS = 20;

interface SinkRole {
  readonly pid: number;
  /** Partitions that it has claimed last. */
  readonly claimed: () => number;
  /** Resolves with its last lines when it has ended. */
  readonly ended: Promise<string>;
  /** SIGTERM, and its end. */
  readonly stop: () => Promise<void>;
}

/**
 * The sink as an operator runs it, exactly once: processes of their own that share the partitions. Several of them begin
 * to write when each has its share.
 */
export async function sinkRun(
  place: BenchPlace,
  database: BenchDatabase,
  changes: ChangedRows,
  { name, batchRows, instances }: { name: string; batchRows: number; instances: number },
): Promise<PartRun> {
  const roles: SinkRole[] = [];
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const start = async (): Promise<void> => {
    // What they write waits for this lock until all of them are there.
    if (instances > 1) await database.client.query('BEGIN; LOCK TABLE orders IN SHARE MODE');
    for (let i = 0; i < instances; i++) {
      const role = startRole(place, database, name, batchRows);
      roles.push(role);
      void role.ended.then((log) => failed.reject(new Error(`the sink ended:\n${log}`)));
    }
    const share = changes.milestones.length / instances;
    while (instances > 1 && roles.some((role) => role.claimed() === 0 || role.claimed() > Math.ceil(share)))
      await systemClock.sleep(POLL_MS);
    if (instances > 1) await database.client.query('COMMIT');
  };
  const pids = (): number[] => roles.map(({ pid }) => pid);
  try {
    return await watchOrders({ database, changes, pids, failed: failed.promise }, start);
  } finally {
    await Promise.all(roles.map((role) => role.stop()));
  }
}

function startRole(
  { stack, cleanup }: BenchPlace,
  { name: prefix, url }: BenchDatabase,
  sinkName: string,
  batchRows: number,
): SinkRole {
  const flags = {
    'database-url': url,
    'kafka-bootstrap-servers': stack.kafkaBrokers,
    'schema-registry-url': stack.registryUrl,
    'topic-prefix': prefix,
    'sink-name': sinkName,
    tables: 'orders=public.orders',
    'batch-rows': String(batchRows),
  };
  const argv = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  const child = spawn(process.execPath, [MAIN, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
  dieWithParent(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines: string[] = [];
  let claimed = 0;
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
    const partitions = /"partitions":\[([^\]]*)\].*"partitions claimed"/.exec(line)?.[1];
    if (partitions !== undefined) claimed = partitions === '' ? 0 : partitions.split(',').length;
  });
  const stop = (): Promise<void> => {
    child.kill('SIGTERM');
    return exited;
  };
  cleanup.defer(stop);
  return { pid: child.pid ?? -1, claimed: () => claimed, ended: exited.then(() => lines.join('\n')), stop };
}
