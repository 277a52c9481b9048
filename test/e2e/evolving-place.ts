import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import { expect } from 'vitest';
import { type ChainPlace, roleSpec } from '../../infra/local/demo/chain.ts';
import { connect } from '../../infra/local/demo/databases.ts';
import { RoleProcess, type RoleSpec } from '../../infra/local/demo/role-process.ts';
import { thisMachine } from '../../infra/local/machine.ts';
import { createRunFolder } from '../../infra/local/run-folder.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { demoPlace } from '../support/demo-place.ts';
import {
  COPIED_TABLES,
  type Claims,
  SHOP_SQL,
  differences,
  firstClaims,
  startWriter,
} from './evolving-shop.ts';
import { type Ended, runProgram } from './next-version.ts';

/** The version that runs at first. */
export const PRESENT = fileURLToPath(new URL('../../', import.meta.url));

const PIPELINE = 'orders-denorm';
const TABLES = ['customers', 'orders', ...COPIED_TABLES];
const BACKFILL = 'connectors/postgres-source/backfill.ts';
const START_MAX_MS = 60_000;
const REACHED_MAX = '60 s';
const REACHED = 'SELECT millrace.wait_for($1, $2, $3) AS reached';

type Env = Readonly<Record<string, string>>;

/** A shop, the roles that copy and join its tables, and somebody who writes to it all the time. */
export interface EvolvingPlace extends AsyncDisposable {
  readonly source: Client;
  readonly target: Client;
  readonly claims: Claims;
  readonly startSource: () => RoleProcess;
  /** `more`: mappings beside those of the tables. */
  readonly startSink: (...more: readonly string[]) => RoleProcess;
  /** `root`: the folder of the version. */
  readonly startProcessor: (root: string, instance: string, env?: Env) => RoleProcess;
  readonly stop: (role: RoleProcess) => Promise<void>;
  /** Of a role that is not let in: how it ends. */
  readonly refusal: (role: RoleProcess) => Promise<string>;
  /** A command of a version. */
  readonly command: (root: string, program: string, ...args: readonly string[]) => Promise<Ended>;
  /** What a role has logged so far, by its name. */
  readonly logOf: (name: string) => Promise<string>;
  readonly backfill: (table: string) => Promise<void>;
  /** Resolves when the sink says of as many tables how far they are. */
  readonly known: (tables: number) => Promise<void>;
  /** The writer waits, what it has written goes its whole way, and all tables are what they stand for; then it goes on. */
  readonly quiet: (look?: () => Promise<void>) => Promise<void>;
  readonly reached: (view: string, timeout: string) => Promise<boolean>;
}

export async function evolvingPlace(): Promise<EvolvingPlace> {
  await using cleanUp = new AsyncDisposableStack();
  const { place, source, target } = cleanUp.use(await demoPlace('drill'));
  await source.query(SHOP_SQL);
  const starter = await roleStarter(cleanUp);
  const writing = await connect(place.sourceUrl);
  cleanUp.defer(() => writing.end());
  const writer = cleanUp.use(startWriter(writing, systemClock));
  const claims = firstClaims(TABLES);
  const reached = async (view: string, timeout: string): Promise<boolean> => {
    const { rows } = await source.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn');
    const told = await target.query<{ reached: boolean }>(REACHED, [`public.${view}`, rows[0]?.lsn, timeout]);
    return told.rows[0]?.reached === true;
  };
  const owned = cleanUp.move();
  return {
    source,
    target,
    claims,
    ...placedRoles(place, (spec) => starter.start(spec)),
    stop: (role) => starter.stop(role),
    refusal: (role) => starter.end(role),
    command: (root, program, ...args) => runProgram(root, program, args, commandEnv(place)),
    logOf: (name) => starter.logOf(name),
    async backfill(table) {
      const done = await runProgram(PRESENT, BACKFILL, [table], commandEnv(place));
      expect(done).toMatchObject({ code: 0 });
    },
    async known(tables) {
      const sql = 'SELECT count(lsn)::int AS known FROM millrace.progress';
      const told = () => target.query(sql).then(({ rows }) => rows, String);
      await expect.poll(told, { timeout: START_MAX_MS }).toEqual([{ known: tables }]);
    },
    reached,
    async quiet(look) {
      using _ = await writer.pause();
      for (const view of [...claims.copies.keys(), 'orders_denorm']) {
        for (const role of starter.roles) role.assertRunning();
        expect([view, await reached(view, REACHED_MAX)]).toEqual([view, true]);
      }
      expect(await differences(claims, source, target)).toEqual([]);
      await look?.();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Starts roles in a folder that goes with them, and knows which should be running. */
async function roleStarter(cleanUp: AsyncDisposableStack) {
  const machine = thisMachine();
  const run = cleanUp.adopt(await createRunFolder(machine), (folder) => folder.remove());
  const started = cleanUp.use(new AsyncDisposableStack());
  const roles = new Set<RoleProcess>();
  const ended = (role: RoleProcess): string | null => {
    try {
      role.assertRunning();
      return null;
    } catch (error) {
      return String(error);
    }
  };
  return {
    roles,
    logOf: (name: string): Promise<string> => readFile(join(run.logs, `${name}.log`), 'utf8'),
    start(spec: RoleSpec): RoleProcess {
      const env = { ...spec.env, MILLRACE_STATE_DIR: join(run.path, 'state') };
      const role = started.use(new RoleProcess({ ...spec, env }, run, machine));
      roles.add(role);
      return role;
    },
    async stop(role: RoleProcess): Promise<void> {
      roles.delete(role);
      expect(await role.stop()).toBe(true);
    },
    async end(role: RoleProcess): Promise<string> {
      roles.delete(role);
      await expect.poll(() => ended(role), { timeout: START_MAX_MS }).not.toBeNull();
      return ended(role) ?? '';
    },
  };
}

function placedRoles(place: ChainPlace, start: (spec: RoleSpec) => RoleProcess) {
  const started = (name: string, spec: RoleSpec, env: Env): RoleProcess =>
    start({ ...spec, name, env: { ...spec.env, ...env } });
  return {
    startSource: () =>
      started('source', roleSpec('source', place), {
        MILLRACE_TABLES: TABLES.map((name) => `public.${name}`).join(),
        MILLRACE_ON_INCOMPATIBLE_SCHEMA:
          'public.invoices=pause-table, public.parcels=new-topic, public.returns=dead-letter',
      }),
    startSink(...more: readonly string[]) {
      const copies = TABLES.map((name) => `public.${name}=public.${name}`);
      const mapping = [...copies, 'orders_denorm=public.orders_denorm', ...more].join();
      return started('sink', roleSpec('sink', place), { MILLRACE_TABLES: mapping });
    },
    startProcessor(root: string, instance: string, env: Env = {}) {
      const spec = { ...roleSpec('order-fulfilment', place), main: join(root, 'processors/main.ts') };
      return started(`processor-${instance}`, spec, {
        MILLRACE_PIPELINE: PIPELINE,
        MILLRACE_INSTANCE: instance,
        MILLRACE_AUTO_REGISTER_SCHEMAS: 'false',
        ...env,
      });
    },
  };
}

function commandEnv(place: ChainPlace): Env {
  return {
    MILLRACE_TOPIC_PREFIX: place.topicPrefix,
    MILLRACE_SCHEMA_REGISTRY_URL: place.registryUrl,
    MILLRACE_KAFKA_BOOTSTRAP_SERVERS: place.kafkaBrokers,
    MILLRACE_DATABASE_URL: place.sourceUrl,
    MILLRACE_PIPELINE: PIPELINE,
  };
}
