import { appendFile, chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { inject } from 'vitest';
import { lastingPorts } from '../../infra/local/free-ports.ts';
import { thisMachine } from '../../infra/local/machine.ts';
import type { Machine } from '../../infra/local/machine.ts';
import { findPostgres } from '../../infra/local/postgres-binaries.ts';
import type { PostgresBinaries } from '../../infra/local/postgres-binaries.ts';
import { fetchPostgres, isPostgresMajor } from '../../infra/local/postgres-releases.ts';
import { initPostgres, postgresUrl, servePostgres } from '../../infra/local/postgres-server.ts';
import type { PostgresPlace } from '../../infra/local/postgres-server.ts';
import { createRunFolder } from '../../infra/local/run-folder.ts';
import type { RunFolder } from '../../infra/local/run-folder.ts';
import { runProgram } from '../../infra/local/server-process.ts';
import type { ServerProcess } from '../../infra/local/server-process.ts';
import { must } from '../../infra/process/assert.ts';
import type {} from './global-stack.ts';

type Settings = Readonly<Record<string, string>>;
type Row = Readonly<Record<string, unknown>>;

/** A Postgres of a test file's own, of the same major version as the shared one. Its port stays, also while it is down. */
export interface OwnPostgres extends AsyncDisposable {
  /** Superuser's URL of the database `postgres`. */
  readonly url: string;
  readonly port: number;
  /** Runs SQL in a session of its own, in the database `postgres` or in `database`. */
  readonly sql: (text: string, database?: string) => Promise<readonly Row[]>;
  /** Runs `query` until its first value is true. */
  readonly until: (query: string) => Promise<void>;
  /** Writes a file of the data folder, for the server's user alone. */
  readonly write: (file: string, text: string) => Promise<void>;
  readonly start: () => Promise<void>;
  /** `SIGINT` in good order, `SIGQUIT` as after a loss of power. */
  readonly stop: (signal: 'SIGINT' | 'SIGQUIT') => Promise<void>;
}

/** Starts one; to be disposed after the tests of the file. */
export async function startOwnPostgres(settings: Settings = {}): Promise<OwnPostgres> {
  const machine = thisMachine();
  const binaries = await ownBinaries(machine);
  const own = await prepare(machine, (run) => initPostgres(machine, run, binaries, settings));
  await own.start();
  return own;
}

/**
 * Starts a primary and a standby that streams from it through the physical slot `standby`.
 * @param standbySettings on top of the primary's
 */
export async function startOwnPair(
  settings: Settings,
  standbySettings: Settings,
): Promise<AsyncDisposable & { readonly primary: OwnPostgres; readonly standby: OwnPostgres }> {
  const machine = thisMachine();
  const binaries = await ownBinaries(machine);
  await using made = new AsyncDisposableStack();
  let fresh: PostgresPlace | null = null;
  const primary = made.use(
    await prepare(machine, async (run) => (fresh = await initPostgres(machine, run, binaries, settings))),
  );
  // A copy of the fresh data folder is a base backup: both servers begin at the same checkpoint.
  const standby = made.use(
    await prepare(machine, (run) => copyPlace(machine, run, must(fresh, 'the primary is made first'))),
  );
  await primary.start();
  await primary.sql("SELECT pg_create_physical_replication_slot('standby', true)");
  await standby.write('standby.signal', '');
  const own = {
    primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres dbname=postgres`,
    primary_slot_name: 'standby',
    ...standbySettings,
  };
  await standby.write(
    'standby.conf',
    Object.entries(own)
      .map(([name, value]) => `${name} = '${value}'\n`)
      .join(''),
  );
  await standby.start();
  const all = made.move();
  return { primary, standby, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function ownBinaries(machine: Machine): Promise<PostgresBinaries> {
  const major = inject('sourceMajor');
  const onProgress = (line: string): void => void process.stderr.write(`${line}\n`);
  if (isPostgresMajor(major)) return fetchPostgres(machine, major, onProgress);
  return must(await findPostgres(machine), 'no Postgres');
}

async function copyPlace(machine: Machine, run: RunFolder, from: PostgresPlace): Promise<PostgresPlace> {
  const { user } = from;
  const home = join(run.path, 'postgres');
  const data = join(home, 'data');
  await mkdir(home, { mode: 0o700 });
  if (user !== undefined) await chown(home, user.uid, user.gid);
  const args = ['-a', from.data, data];
  await runProgram(run, machine.clock, {
    name: 'cp',
    command: 'cp',
    args,
    env: from.env,
    stopSignals: [],
    user,
  });
  await appendFile(join(data, 'postgresql.auto.conf'), "include_if_exists = 'standby.conf'\n");
  return { ...from, home, data };
}

async function prepare(
  machine: Machine,
  init: (run: RunFolder) => Promise<PostgresPlace>,
): Promise<OwnPostgres> {
  const run = await createRunFolder(machine);
  try {
    const place = await init(run);
    const [port = 0] = await lastingPorts(1);
    return ownPostgres(machine, run, place, port);
  } catch (error) {
    await run.remove();
    throw error;
  }
}

function ownPostgres(machine: Machine, run: RunFolder, place: PostgresPlace, port: number): OwnPostgres {
  const url = postgresUrl(port);
  let server: ServerProcess | null = null;
  return {
    url,
    port,
    sql: (text, database = 'postgres') => {
      const own = new URL(url);
      own.pathname = `/${database}`;
      return withClient(own.href, async (client) => rowsOf(await client.query<Row>(text)));
    },
    until: (query) =>
      withClient(url, async (client) => {
        const asked = { text: query, rowMode: 'array' } as const;
        while ((await client.query<unknown[]>(asked)).rows[0]?.[0] !== true)
          await machine.clock.sleep(POLL_MS);
      }),
    async write(file, text) {
      const path = join(place.data, file);
      await writeFile(path, text);
      await chmod(path, 0o600);
      if (place.user !== undefined) await chown(path, place.user.uid, place.user.gid);
    },
    async start() {
      server = await servePostgres(machine, run, place, port);
    },
    async stop(signal) {
      const running = must(server, 'it is started first');
      process.kill(running.pid, signal);
      await running.end;
    },
    [Symbol.asyncDispose]: () => run.remove(),
  };
}

const POLL_MS = 10;

/** Of several statements `pg` gives several results. */
function rowsOf(result: { readonly rows: readonly Row[] } | readonly { readonly rows: readonly Row[] }[]) {
  return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : (result as { rows: readonly Row[] }).rows;
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
