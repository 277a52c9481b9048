import { argv, env, exit, stderr, stdout } from 'node:process';
import { z } from 'zod';
import { describe } from '../../infra/process/failure.ts';
import { EXIT } from '../../infra/process/lifecycle.ts';
import { type OptionSpecs, type Options, parseOptions } from '../../infra/process/options.ts';
import { count, requiredText } from '../../infra/process/role-options.ts';
import { readerRoleSql, sinkRoleSql } from './sink-role.ts';
import { parseTableName } from './table-name.ts';

const SINK_USER = 'millrace_sink';
const READER = 'millrace_reader';

const OPTIONS = {
  role: {
    schema: z.enum(['sink', 'reader']).default('sink'),
    help: 'whom the SQL is for: sink, or reader: who reads its tables and waits for them (sql --role source has options of its own)',
  },
  tables: {
    schema: requiredText
      .transform((list) => list.split(',').map((table) => table.trim()))
      .pipe(z.array(z.string().regex(/^[^.]+\..+$/, 'schema.table is expected'))),
    help: 'target tables, schema.table, comma-separated',
  },
  user: {
    schema: requiredText.optional(),
    help: `Postgres role that the SQL makes; without it ${SINK_USER} or ${READER}`,
  },
  sinkUser: {
    schema: requiredText.default(SINK_USER),
    help: "the sink's Postgres role, whose new tables a reader shall read",
  },
  createTables: {
    schema: z
      .enum(['true', 'false'])
      .default('true')
      .transform((text) => text === 'true'),
    help: 'whether the sink makes the tables and changes them with their topics; false: the tables are there, and it may only write their rows',
  },
  connectionLimit: {
    schema: count.default(20),
    help: "most sessions of the sink's role: each instance has one, for a moment two when it starts anew",
  },
} as const satisfies OptionSpecs;

/** Prints the least that the target database has to grant. Needs no server: pipe it into psql. */
try {
  const parsed = parseOptions('node connectors/postgres-sink/sql.ts', OPTIONS, argv.slice(2), env);
  stdout.write(parsed.kind === 'help' ? parsed.text : textOf(parsed.options));
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(EXIT.config);
}

function textOf(options: Options<typeof OPTIONS>): string {
  const { role, createTables, connectionLimit, sinkUser } = options;
  const tables = options.tables.map(parseTableName);
  if (role === 'sink')
    return sinkRoleSql({ user: options.user ?? SINK_USER, tables, createTables, connectionLimit });
  return readerRoleSql({ user: options.user ?? READER, tables, sinkUser: createTables ? sinkUser : null });
}
