import { writeFileSync } from 'node:fs';
import { argv, env, exit, stderr, stdout } from 'node:process';
import { z } from 'zod';
import { systemClock } from '../../../infra/process/clock.ts';
import { Failure, describe } from '../../../infra/process/failure.ts';
import { EXIT } from '../../../infra/process/lifecycle.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { type OptionSpecs, type Options, parseOptions } from '../../../infra/process/options.ts';
import { count, postgresUrl, requiredText } from '../../../infra/process/role-options.ts';
import { parseTableName } from '../table-name.ts';
import { openTarget } from '../target-session.ts';
import { type DbtTable, dbtSources } from './dbt-sources.ts';
import { freshnessOf, readTable } from './table-catalog.ts';

const COMMAND = 'node connectors/postgres-sink/export/main.ts dbt';

const OPTIONS = {
  targetUrl: { schema: postgresUrl, help: 'target database, postgres://..', secret: true },
  tables: {
    schema: requiredText.transform((list) => list.split(',').map((name) => name.trim())),
    help: 'target tables, schema.table, comma-separated',
  },
  out: { schema: requiredText.optional(), help: 'file to write; without it the standard output' },
  sourceName: {
    schema: requiredText.default('millrace'),
    help: "name of the dbt source; with tables of several schemas, each schema's name is added",
  },
  warnAfterMinutes: { schema: count.default(5), help: 'age of the data from which dbt warns, minutes' },
  errorAfterMinutes: { schema: count.default(60), help: 'age of the data from which dbt fails, minutes' },
  dbtUtils: {
    schema: z.stringbool().default(false),
    help: 'the project has the package dbt_utils: test keys of several columns with it',
    isSwitch: true,
  },
} as const satisfies OptionSpecs;

async function sourcesYml(options: Options<typeof OPTIONS>): Promise<string> {
  await using session = await openTarget({
    databaseUrl: options.targetUrl,
    applicationName: 'millrace-export',
    log: silentLog,
    clock: systemClock,
  });
  const { client } = session;
  await client.query('SET default_transaction_read_only = on');
  const tables: DbtTable[] = [];
  for (const name of options.tables) {
    const table = await readTable(client, parseTableName(name));
    tables.push({ table, freshness: await freshnessOf(client, table) });
  }
  const { rows } = await client.query<{ database: string }>('SELECT current_database() AS database');
  return dbtSources(tables, { ...options, database: rows[0]?.database ?? '' });
}

/** Writes what other tools want to know of the target's tables. */
try {
  const [kind, ...args] = argv.slice(2);
  const isHelp = kind === undefined || kind === '--help';
  if (!isHelp && kind !== 'dbt')
    throw new Failure('config.invalid', 'stop', `there is no export ${kind}`, { fix: `use ${COMMAND}` });
  const parsed = parseOptions(COMMAND, OPTIONS, isHelp ? ['--help'] : args, env);
  if (parsed.kind === 'help') stdout.write(parsed.text);
  else {
    const text = await sourcesYml(parsed.options);
    if (parsed.options.out === undefined) stdout.write(text);
    else writeFileSync(parsed.options.out, text);
  }
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(error instanceof Failure && error.code.startsWith('config.') ? EXIT.config : EXIT.failed);
}
