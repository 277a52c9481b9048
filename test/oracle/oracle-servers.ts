import { thisMachine } from '../../infra/local/machine.ts';
import { findPostgres } from '../../infra/local/postgres-binaries.ts';
import { createRunFolder } from '../../infra/local/run-folder.ts';
import { Failure } from '../../infra/process/failure.ts';
import { databaseSession } from '../chaos/source/database-session.ts';
import { type RestartablePostgres, startRestartablePostgres } from '../chaos/source/restartable-postgres.ts';
import { type SourceServers, startSourceServers, urlWith } from '../chaos/source/source-servers.ts';
import { type PostgresRelay, openPostgresRelay } from '../connectors/postgres-source/postgres-relay.ts';

export const DATABASE = 'oracle';

/** Servers of the oracle's own, which it may break. */
export interface OracleServers extends AsyncDisposable {
  /** Kafka, the registry, and the source's Postgres. */
  readonly source: SourceServers;
  readonly target: RestartablePostgres;
  /** The sinks' way to their database. */
  readonly targetRelay: PostgresRelay;
  /** Superusers', of the databases, past the relays. */
  readonly sourceUrl: string;
  readonly targetUrl: string;
  /** Saves the servers' logs; returns their folders. */
  keepLogs(): Promise<string>;
}

/** @throws Failure `local.unavailable` on a machine without Java, Postgres or kcat */
export async function startOracleServers(onProgress: (line: string) => void): Promise<OracleServers> {
  await using stack = new AsyncDisposableStack();
  // As of which commit a row was valid is what one of the queries asks.
  const source = stack.use(await startSourceServers(onProgress, { track_commit_timestamp: 'on' }));
  const machine = thisMachine();
  const binaries = await findPostgres(machine);
  if (binaries === null) throw new Failure('local.unavailable', 'stop', 'no Postgres found');
  const run = await createRunFolder(machine);
  stack.defer(() => run.remove());
  const target = await startRestartablePostgres(machine, run, binaries, { deadlock_timeout: '200ms' });
  const urls = [source.postgres.url, target.url];
  for (const url of urls) {
    await using server = databaseSession(url);
    await server.sql(`CREATE DATABASE ${DATABASE}`);
  }
  const [sourceUrl = '', targetUrl = ''] = urls.map((url) => urlWith(url, { database: DATABASE }));
  const targetRelay = stack.use(await openPostgresRelay(target.url));
  const owned = stack.move();
  return {
    source,
    target,
    targetRelay,
    sourceUrl,
    targetUrl,
    keepLogs: async () => `${await source.keepLogs()} and ${await run.keepLogs()}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
