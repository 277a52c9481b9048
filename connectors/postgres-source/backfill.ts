import { argv, env, exit, stderr, stdout } from 'node:process';
import { z } from 'zod';
import { Failure, describe } from '../../infra/process/failure.ts';
import { EXIT } from '../../infra/process/lifecycle.ts';
import { type OptionSpecs, parseOptions } from '../../infra/process/options.ts';
import { requiredText } from '../../infra/process/role-options.ts';
import { BACKFILL_MESSAGE, encodeBackfill, passwordOf } from './backfill-request.ts';
import { literal } from './sql-text.ts';
import { WireConnection } from './wire-connection.ts';

const COMMAND = 'node connectors/postgres-source/backfill.ts SCHEMA.TABLE';

const OPTIONS = {
  databaseUrl: {
    schema: requiredText,
    help: "source database, with the source's own role and password: they sign the condition",
    secret: true,
  },
  publicationName: { schema: requiredText.default('millrace'), help: 'publication that the table is in' },
  where: { schema: z.string().min(1).optional(), help: 'SQL condition that chooses the rows' },
} as const satisfies OptionSpecs;

/** Asks the running source, through the WAL, to publish a table's rows once more. */
async function requestBackfill(
  name: string,
  url: string,
  publication: string,
  where: string | null,
): Promise<void> {
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
  if (where !== null && password === '')
    throw new Failure('config.invalid', 'stop', 'a condition cannot be signed: the URL has no password', {
      fix: "give the source and this command the same URL, with the role's password in it",
    });
  const content = encodeBackfill({ oid: row.oid, where }, password);
  await sql.query(`SELECT pg_logical_emit_message(true, ${literal(BACKFILL_MESSAGE)}, ${literal(content)})`);
}

async function main(args: readonly string[]): Promise<void> {
  const named = args[0]?.startsWith('--') === false;
  const [name, rest] = named ? [args[0], args.slice(1)] : [undefined, args];
  const parsed = parseOptions(COMMAND, OPTIONS, rest, env);
  if (parsed.kind === 'help') {
    stdout.write(parsed.text);
    return;
  }
  if (name === undefined)
    throw new Failure('config.invalid', 'stop', 'no table is named', { fix: `usage: ${COMMAND}` });
  const { databaseUrl, publicationName, where } = parsed.options;
  await requestBackfill(name, databaseUrl, publicationName, where ?? null);
  stdout.write(`backfill of ${name} is asked for; the source's log and metrics show how it goes\n`);
}

try {
  await main(argv.slice(2));
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(EXIT.config);
}
