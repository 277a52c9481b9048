import { thisMachine } from '../../../infra/local/machine.ts';
import { findPostgres } from '../../../infra/local/postgres-binaries.ts';
import { createRunFolder } from '../../../infra/local/run-folder.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { type PostgresRelay, openPostgresRelay } from '../../connectors/postgres-source/postgres-relay.ts';
import { type JoinServers, startJoinServers } from '../join/join-servers.ts';
import { databaseSession } from '../source/database-session.ts';
import { type RestartablePostgres, startRestartablePostgres } from '../source/restartable-postgres.ts';
import { urlWith } from '../source/source-servers.ts';
import { SINKS } from './sink-faults.ts';

/** Servers of the scenario's own, which it may break. */
export interface SinkServers extends JoinServers {
  readonly postgres: RestartablePostgres;
  /** A superuser's, of the target database. */
  readonly url: string;
  /** Each sink's way to the target database. */
  readonly relays: readonly PostgresRelay[];
}

/** @throws Failure `local.unavailable` on a machine without Java, Postgres or kcat */
export async function startSinkServers(onProgress: (line: string) => void): Promise<SinkServers> {
  const machine = thisMachine();
  const binaries = await findPostgres(machine);
  if (binaries === null)
    throw new Failure('local.unavailable', 'stop', 'the scenario cannot run here: no Postgres found');
  await using stack = new AsyncDisposableStack();
  const servers = stack.use(await startJoinServers(onProgress));
  const run = await createRunFolder(machine);
  stack.defer(() => run.remove());
  const postgres = await startRestartablePostgres(machine, run, binaries, { deadlock_timeout: '200ms' });
  await using server = databaseSession(postgres.url);
  await server.sql('CREATE DATABASE chaos');
  const url = urlWith(postgres.url, { database: 'chaos' });
  const relays: PostgresRelay[] = [];
  for (let i = 0; i < SINKS; i++) relays.push(stack.use(await openPostgresRelay(url)));
  onProgress('Postgres and the registry are ready');
  const owned = stack.move();
  return {
    cluster: servers.cluster,
    registryUrl: servers.registryUrl,
    postgres,
    url,
    relays,
    keepLogs: async () => `${await servers.keepLogs()} and ${await run.keepLogs()}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
