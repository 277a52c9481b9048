import { readFileSync } from 'node:fs';
import { argv, env, exit, stderr, stdout } from 'node:process';
import { z } from 'zod';
import { systemClock } from '../../../infra/process/clock.ts';
import { Failure, describe } from '../../../infra/process/failure.ts';
import { type OptionSpecs, type Options, parseOptions } from '../../../infra/process/options.ts';
import { count, postgresUrl, requiredText } from '../../../infra/process/role-options.ts';
import { parseTableName } from '../table-name.ts';
import { openReadSession } from './read-session.ts';
import { reconcile, totalOf } from './reconcile.ts';
import { reportJson, reportText } from './report.ts';

const COMMAND = 'node connectors/postgres-sink/reconcile/main.ts SCHEMA.TABLE';
const RECONCILED = { equal: 0, failed: 1, different: 2 } as const;
/** How often a long statement is told to be under way. */
const TICK_MS = 5_000;
const milliseconds = z.coerce.number().int().nonnegative();

const OPTIONS = {
  sql: { schema: requiredText, help: 'file with the query over the source that the table stands for' },
  sourceUrl: { schema: postgresUrl, help: 'source database, postgres://..; read only', secret: true },
  targetUrl: { schema: postgresUrl, help: 'target database, postgres://..; read only', secret: true },
  key: {
    schema: requiredText.transform((list) => list.split(',').map((name) => name.trim())).optional(),
    help: 'columns that tell rows apart, comma-separated; without it the primary key of the table',
  },
  settleMs: {
    schema: milliseconds.default(1_000),
    help: 'time between two looks at the keys that differ, milliseconds',
  },
  settleTimeoutMs: {
    schema: milliseconds.default(30_000),
    help: 'how long a difference may be a row on its way, milliseconds',
  },
  statementTimeoutMs: {
    schema: count.default(600_000),
    help: 'longest time of one statement on either side, milliseconds',
  },
  show: { schema: milliseconds.default(20), help: 'most differing keys that are named; all are counted' },
  values: {
    schema: z.stringbool().default(false),
    help: 'prints the values of differing columns, not their names only',
    isSwitch: true,
  },
  format: { schema: z.enum(['text', 'json']).default('text'), help: 'form of the report: text, json' },
} as const satisfies OptionSpecs;

/** Prints the report. Returns the exit code. */
async function run(name: string, options: Options<typeof OPTIONS>): Promise<number> {
  const view = parseTableName(name);
  const sql = textOf(options.sql);
  const { statementTimeoutMs, sourceUrl, targetUrl } = options;
  let stage = '';
  const startedMs = systemClock.now();
  const tell = (line: string): void => {
    stderr.write(`[${Math.round((systemClock.now() - startedMs) / 1_000)} s] ${line}\n`);
  };
  const say = (line: string): void => {
    stage = line;
    tell(line);
  };
  await using source = await openReadSession({ side: 'source', url: sourceUrl, statementTimeoutMs });
  await using target = await openReadSession({ side: 'target', url: targetUrl, statementTimeoutMs });
  using _ticker = systemClock.every(TICK_MS, () => tell(`still ${stage}`));
  const { settleMs, settleTimeoutMs, show, key } = options;
  const request = { view, sql, keys: key ?? null, settleMs, settleTimeoutMs, show };
  say('reading what both sides are');
  const result = await reconcile(source, target, request, systemClock, say);
  const report = options.format === 'json' ? reportJson : reportText;
  stdout.write(report(view, result, { values: options.values }));
  return totalOf(result.counts) === 0 ? RECONCILED.equal : RECONCILED.different;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure('config.invalid', 'stop', `${file} cannot be read`, { cause: error });
  }
}

async function main(args: readonly string[]): Promise<number> {
  const named = args[0]?.startsWith('--') === false;
  const [name, rest] = named ? [args[0], args.slice(1)] : [undefined, args];
  const parsed = parseOptions(COMMAND, OPTIONS, rest, env);
  if (parsed.kind === 'help') {
    stdout.write(parsed.text);
    return RECONCILED.equal;
  }
  if (name === undefined)
    throw new Failure('config.invalid', 'stop', 'no table is named', { fix: `usage: ${COMMAND} --sql FILE` });
  return run(name, parsed.options);
}

try {
  exit(await main(argv.slice(2)));
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(RECONCILED.failed);
}
