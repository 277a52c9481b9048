import { argv, env, exit, stderr, stdout } from 'node:process';
import { z } from 'zod';
import { describe } from '../../infra/process/failure.ts';
import { EXIT } from '../../infra/process/lifecycle.ts';
import { type OptionSpecs, type Options, parseOptions } from '../../infra/process/options.ts';
import { requiredText } from '../../infra/process/role-options.ts';
import { dropSourceSql, sourceRoleSql } from './source-role.ts';

const tableName = z.string().regex(/^[^.]+\.[^.]+$/, 'schema.table is expected');

const OPTIONS = {
  role: {
    schema: z.literal('source').default('source'),
    help: 'the role of Millrace that the SQL is for; sink and reader have options of their own: millrace sql --role sink --help',
  },
  tables: {
    schema: requiredText
      .transform((list) => list.split(',').map((table) => table.trim()))
      .pipe(z.array(tableName)),
    help: 'schema.table, comma-separated: what is published and may be read',
  },
  user: { schema: requiredText.default('millrace_source'), help: 'Postgres role that the source logs in as' },
  slotName: { schema: requiredText.default('millrace'), help: 'replication slot of the source' },
  publicationName: { schema: requiredText.default('millrace'), help: 'publication that says what is read' },
  drop: {
    schema: z.stringbool().default(false),
    help: 'prints instead what removes slot, publication and role again',
    isSwitch: true,
  },
} as const satisfies OptionSpecs;

/** Prints the least that the source database has to grant. Needs no server: pipe it into psql. */
try {
  const parsed = parseOptions('node connectors/postgres-source/sql.ts', OPTIONS, argv.slice(2), env);
  if (parsed.kind === 'help') stdout.write(parsed.text);
  else stdout.write(textOf(parsed.options));
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(EXIT.config);
}

function textOf(options: Options<typeof OPTIONS>): string {
  return options.drop ? dropSourceSql(options) : sourceRoleSql(options);
}
