import { argv, env, exit, stderr, stdout } from 'node:process';
import { z } from 'zod';
import { must } from '../../infra/process/assert.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { Failure, describe } from '../../infra/process/failure.ts';
import { EXIT } from '../../infra/process/lifecycle.ts';
import { type OptionSpecs, type Options, parseOptions } from '../../infra/process/options.ts';
import { httpUrl, postgresUrl, requiredText } from '../../infra/process/role-options.ts';
import { askCopies, followCopy, progressText } from './copies/backfill-progress.ts';
import {
  BACKFILL_MESSAGE,
  type BackfillRequest,
  COPY_ACTIONS,
  encodeBackfill,
  needsSignature,
  passwordOf,
} from './copies/backfill-request.ts';
import { type Lsn, parseLsn } from './place/lsn.ts';
import { literal } from './wire/sql-text.ts';
import { WireConnection } from './wire/wire-connection.ts';

const COMMAND = 'node connectors/postgres-source/backfill.ts [SCHEMA.TABLE]';
const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true');

const OPTIONS = {
  databaseUrl: {
    schema: postgresUrl.optional(),
    help: "source database, with the source's own role and password: they sign the request",
    secret: true,
  },
  publicationName: { schema: requiredText.default('millrace'), help: 'publication that the table is in' },
  where: { schema: z.string().min(1).optional(), help: 'SQL condition that chooses the rows' },
  action: {
    schema: z.enum(COPY_ACTIONS).default('copy'),
    help: 'copy, or pause, resume or cancel the copy that is under way',
  },
  wait: { schema: flag, help: 'tell how the copy goes, until it is done', isSwitch: true },
  status: { schema: flag, help: 'ask for nothing: print the copies that are under way', isSwitch: true },
  sourceUrl: {
    schema: httpUrl.default('http://127.0.0.1:8080'),
    help: "the source's HTTP port, for --wait and --status",
  },
} as const satisfies OptionSpecs;

type BackfillOptions = Options<typeof OPTIONS>;

const say = (line: string): void => {
  stdout.write(`${line}\n`);
};

/** Asks the running source through the WAL. Gives a place in the WAL behind the request. */
async function request(
  name: string,
  url: string,
  publication: string,
  what: Omit<BackfillRequest, 'oid'>,
): Promise<Lsn> {
  await using sql = await WireConnection.open({
    url,
    replication: false,
    applicationName: 'millrace-backfill',
  });
  const [row] = await sql.query<{ oid: number }>(
    `SELECT c.oid::int8::float8 AS oid FROM pg_publication_tables p
     JOIN pg_namespace n ON n.nspname = p.schemaname
     JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
     WHERE p.pubname = $1 AND p.schemaname || '.' || p.tablename = $2`,
    [publication, name],
  );
  if (row === undefined)
    throw new Failure('config.invalid', 'stop', `${name} is not a table of publication ${publication}`, {
      fix: 'write schema.table; ALTER PUBLICATION ... ADD TABLE has a new table copied by itself',
    });
  const password = passwordOf(url);
  const asked = { oid: row.oid, ...what };
  if (needsSignature(asked) && password === '')
    throw new Failure('config.invalid', 'stop', 'the request cannot be signed: the URL has no password', {
      fix: "give the source and this command the same URL, with the role's password in it",
    });
  const content = encodeBackfill(asked, password);
  await sql.query(`SELECT pg_logical_emit_message(true, ${literal(BACKFILL_MESSAGE)}, ${literal(content)})`);
  const [after] = await sql.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
  return parseLsn(must(after, 'pg_current_wal_lsn() gave no row').lsn);
}

async function run(name: string, options: BackfillOptions): Promise<void> {
  const { databaseUrl, publicationName, where, action, wait, sourceUrl } = options;
  if (databaseUrl === undefined)
    throw new Failure('config.invalid', 'stop', 'no database is named', { fix: 'give --database-url' });
  if (action !== 'copy' && where !== undefined)
    throw new Failure(
      'config.invalid',
      'stop',
      `--where chooses the rows of a copy, not of --action ${action}`,
    );
  const lsn = await request(name, databaseUrl, publicationName, { action, where: where ?? null });
  if (action !== 'copy') return say(`${action} of the copy of ${name} is asked for`);
  if (!wait) return say(`backfill of ${name} is asked for; --wait or --status shows how it goes`);
  await followCopy(sourceUrl, name, lsn, systemClock, say);
  say(`${name}: copied`);
}

async function main(args: readonly string[]): Promise<void> {
  const named = args[0]?.startsWith('--') === false;
  const [name, rest] = named ? [args[0], args.slice(1)] : [undefined, args];
  const parsed = parseOptions(COMMAND, OPTIONS, rest, env);
  if (parsed.kind === 'help') {
    stdout.write(parsed.text);
    return;
  }
  if (parsed.options.status) {
    const { copies } = await askCopies(parsed.options.sourceUrl);
    const chosen = copies.filter(({ table }) => name === undefined || table === name);
    for (const copy of chosen) say(progressText(copy));
    if (chosen.length === 0) say('no table is being copied');
    return;
  }
  if (name === undefined)
    throw new Failure('config.invalid', 'stop', 'no table is named', { fix: `usage: ${COMMAND}` });
  await run(name, parsed.options);
}

try {
  await main(argv.slice(2));
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(EXIT.config);
}
