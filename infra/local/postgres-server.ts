import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { LOCALHOST, onFreePorts } from './free-ports.ts';
import type { Machine } from './machine.ts';
import { postgresUser, reachableBin } from './postgres-binaries.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import type { RunFolder } from './run-folder.ts';
import { runProgram, startServer, untilReady } from './server-process.ts';
import type { ServerProcess, UserIds } from './server-process.ts';

/** Room for the many sources and sinks of a test run; the data is thrown away, so nothing is synced to disk. */
export const POSTGRES_SETTINGS = {
  wal_level: 'logical',
  max_wal_senders: '64',
  max_replication_slots: '64',
  max_connections: '200',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'on',
  timezone: 'UTC',
} as const;

const OWN_SETTINGS = {
  ...POSTGRES_SETTINGS,
  listen_addresses: LOCALHOST,
  // Shared memory in the data folder, so that nothing outlives it.
  dynamic_shared_memory_type: 'mmap',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %q%a ',
} as const;

/** Immediate shutdown last: it also cleans up, unlike SIGKILL. */
const STOP_SIGNALS = ['SIGINT', 'SIGQUIT'] as const;

/** Where a server of ours keeps its data, and who it runs as. */
export interface PostgresPlace {
  readonly bin: string;
  /** Holds the data folder, and the sockets. */
  readonly home: string;
  readonly data: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly user: UserIds | undefined;
}

/**
 * Starts a Postgres of our own on a free port.
 * @returns the superuser's URL of the database `postgres`
 */
export async function startPostgres(
  machine: Machine,
  run: RunFolder,
  binaries: PostgresBinaries,
): Promise<string> {
  const place = await initPostgres(machine, run, binaries);
  return onFreePorts(1, async ([port = 0]) => {
    await servePostgres(machine, run, place, port);
    return postgresUrl(port);
  });
}

/** Makes the data folder of a server, with our settings and `settings` on top; nothing runs yet. */
export async function initPostgres(
  machine: Machine,
  run: RunFolder,
  binaries: PostgresBinaries,
  settings: Readonly<Record<string, string>> = {},
): Promise<PostgresPlace> {
  const user = await postgresUser(machine);
  const bin = await reachableBin(binaries, user, run.path);
  const home = join(run.path, 'postgres');
  const data = join(home, 'data');
  await mkdir(home, { mode: 0o700 });
  if (user !== undefined) await chown(home, user.uid, user.gid);
  const env = { PATH: machine.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
  await runProgram(run, machine.clock, {
    name: 'initdb',
    command: join(bin, 'initdb'),
    args: ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'],
    env,
    // It ends within a second; killed, it would leave a segment of shared memory behind.
    stopSignals: ['SIGCONT'],
    user,
  });
  const lines = Object.entries({ ...OWN_SETTINGS, ...settings }).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  );
  await writeFile(join(data, 'postgresql.auto.conf'), lines.join(''));
  return { bin, home, data, env, user };
}

/** Runs the server of a data folder, until it answers. */
export async function servePostgres(
  machine: Machine,
  run: RunFolder,
  { bin, home, data, env, user }: PostgresPlace,
  port: number,
): Promise<ServerProcess> {
  const server = startServer(run, machine.clock, {
    name: 'postgres',
    command: join(bin, 'postgres'),
    args: ['-D', data, '-p', String(port), '-k', home],
    env,
    stopSignals: STOP_SIGNALS,
    user,
  });
  await untilReady(server, machine.clock, async () => (await dataDirectory(postgresUrl(port))) === data);
  return server;
}

/** The superuser's URL of the database `postgres`. */
export function postgresUrl(port: number): string {
  return `postgresql://postgres@${LOCALHOST}:${port}/postgres`;
}

/** Tells our server from another one that took the port. */
async function dataDirectory(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // A server that is going away tells it by this event too, which would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return rows[0]?.data_directory ?? '';
  } finally {
    await client.end();
  }
}
