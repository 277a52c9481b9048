import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { sourceRoleSql } from '../../../connectors/postgres-source/source-role.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { type Random, between, pick } from '../fault-lane.ts';
import {
  ADDED_KINDS,
  type ChaosTable,
  NUMBER_COLUMN,
  type TableKind,
  VERSION_COLUMN,
  chaosTable,
  versionedSql,
} from './chaos-table.ts';
import { type DatabaseSession, askUntilAnswered, databaseSession } from './database-session.ts';
import { randomShapeChange } from './random-ddl.ts';

const BACKFILL = fileURLToPath(new URL('../../../connectors/postgres-source/backfill.ts', import.meta.url));
const BACKFILL_MAX_MS = 30_000;
const PAUSE_MS = { from: 300, to: 2_500 };
const ADDED_TABLES_MAX = 6;
const ADDED_ROWS = 3_000;

const run = promisify(execFile);

/** What the source logs in as and reads. */
export interface SourceNames {
  readonly user: string;
  readonly slotName: string;
  readonly publicationName: string;
}

export interface ShapeChangerOptions {
  /** A superuser's. */
  readonly url: string;
  /** The source's own. */
  readonly roleUrl: string;
  readonly names: SourceNames;
  /** Tables that are added join the list. */
  readonly tables: ChaosTable[];
  readonly random: Random;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

export interface ShapeChanger {
  readonly changes: number;
  readonly added: number;
  readonly backfills: number;
  stop(): Promise<void>;
}

/** Makes a table, in a database with {@link VERSIONS_SQL}, and learns its columns. */
export async function makeTable(
  session: DatabaseSession,
  clock: Clock,
  kind: TableKind,
  name: string,
): Promise<ChaosTable> {
  const table = chaosTable(kind, name);
  await session.sql(kind.ddl(name));
  if (kind.key.length > 0) await session.sql(versionedSql(name));
  await learnColumns(session, clock, table);
  return table;
}

/** Asks the catalog for the table's columns. */
export async function learnColumns(session: DatabaseSession, clock: Clock, table: ChaosTable): Promise<void> {
  const rows = await askUntilAnswered(
    session,
    clock,
    `SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull FROM pg_attribute
     WHERE attrelid = '${table.name}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  );
  table.columns = rows
    .map(([name, type, isNullable]) => ({
      name: name ?? '',
      type: type ?? '',
      isNullable: isNullable === 't',
    }))
    .filter(({ name }) => !table.key.includes(name) && name !== NUMBER_COLUMN && name !== VERSION_COLUMN);
}

/** Changes shapes, adds tables to the publication and asks for backfills until it is stopped. */
export function startShapeChanger(options: ShapeChangerOptions): ShapeChanger {
  const { random, clock, say, tables, url } = options;
  const session = databaseSession(url);
  const stop = new AbortController();
  const done = { changes: 0, added: 0, backfills: 0 };
  const unpublished: string[] = [];
  let columnNumber = 0;
  const change = async (): Promise<void> => {
    const table = pick(random, tables);
    const { sql, rename, added } = randomShapeChange(random, table, () => `c${++columnNumber}`);
    if (rename !== undefined) table.renames.push(rename);
    if (added !== undefined) table.defaults.set(...added);
    try {
      await session.sql(`SET lock_timeout = '3s'; ${sql}`);
      done.changes++;
    } finally {
      await learnColumns(session, clock, table);
    }
  };
  const publish = async (): Promise<void> => {
    const name = unpublished[0];
    if (name === undefined) return;
    await session.sql(sourceRoleSql({ ...options.names, tables: [`public.${name}`] }));
    unpublished.shift();
    say(`table ${name} joins the publication`);
  };
  const add = async (): Promise<void> => {
    const kind = pick(random, ADDED_KINDS);
    const name = `added_${++done.added}_${kind.kind}`;
    const table = await makeTable(session, clock, kind, name);
    // It is written to before and while it joins the publication.
    unpublished.push(name);
    tables.push(table);
    await session.sql(`INSERT INTO ${name} (${kind.key.join(', ')})
      SELECT ${kind.keySql('g').join(', ')} FROM generate_series(1, ${ADDED_ROWS}) g ON CONFLICT DO NOTHING`);
  };
  const step = async (): Promise<void> => {
    const dice = random();
    if (unpublished.length > 0 && dice < 0.5) await publish();
    else if (dice < 0.1 && done.added < ADDED_TABLES_MAX) await add();
    else if (dice < 0.2) {
      await backfill(options, pick(random, tables), random() < 0.3);
      done.backfills++;
    } else await change();
  };
  const running = (async () => {
    while (!stop.signal.aborted) {
      // A lock that was not to be had, or a server that is down.
      await step().catch(() => undefined);
      await clock.sleep(between(random, PAUSE_MS), stop.signal);
    }
    while (unpublished.length > 0) {
      await publish().catch((error: unknown) => say(`not published yet: ${String(error)}`));
      if (unpublished.length > 0) await clock.sleep(PAUSE_MS.from);
    }
    await session[Symbol.asyncDispose]();
  })();
  return {
    get changes() {
      return done.changes;
    },
    get added() {
      return done.added;
    },
    get backfills() {
      return done.backfills;
    },
    async stop() {
      stop.abort();
      await running;
    },
  };
}

/** `npm run backfill`, past the network that is being broken. */
async function backfill(
  { roleUrl, names }: ShapeChangerOptions,
  table: ChaosTable,
  isPart: boolean,
): Promise<void> {
  const where = isPart && table.key[0] !== undefined ? ['--where', `"${table.key[0]}"::text > '5'`] : [];
  const args = [BACKFILL, `public.${table.name}`, '--database-url', roleUrl];
  await run(process.execPath, [...args, '--publication-name', names.publicationName, ...where], {
    timeout: BACKFILL_MAX_MS,
  });
}
