import { argv, env, exit, stderr, stdin, stdout } from 'node:process';
import { createInterface } from 'node:readline/promises';
import { z } from 'zod';
import { systemClock } from '../../../infra/process/clock.ts';
import { Failure, describe } from '../../../infra/process/failure.ts';
import { EXIT } from '../../../infra/process/lifecycle.ts';
import { createLog } from '../../../infra/process/log.ts';
import { type OptionSpecs, type Options, parseOptions } from '../../../infra/process/options.ts';
import { ROLE_OPTIONS, count, requiredText } from '../../../infra/process/role-options.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { kafkaSecurity } from '../../kafka/configured-security.ts';
import { connectKafka } from '../../kafka/kafka.ts';
import { KAFKA_SECURITY_OPTIONS } from '../../kafka/security-options.ts';
import { BAD_ROW_BOUNDS } from '../table-options.ts';
import { parseTableName } from '../table-name.ts';
import { type TableName, plainName } from '../target-table.ts';
import { planText } from './plan-text.ts';
import { planRebuild, verifyPlan } from './rebuild-plan.ts';
import { abortRebuild, openRebuildSession, rebuild } from './rebuild.ts';
import type { RebuildContext } from './swap-attempt.ts';

const COMMAND = 'node connectors/postgres-sink/rebuild/main.ts SCHEMA.TABLE';
const flag = z.stringbool().default(false);

const { kafkaBootstrapServers, schemaRegistryUrl } = ROLE_OPTIONS;
const OPTIONS = {
  kafkaBootstrapServers,
  schemaRegistryUrl,
  ...KAFKA_SECURITY_OPTIONS,
  databaseUrl: {
    schema: requiredText,
    help: "target database, postgres://.., as a role that owns the table, its views and the sink's own tables",
    secret: true,
  },
  sinkName: { schema: requiredText.default('sink'), help: 'name of the sink that fills the table' },
  yes: { schema: flag, help: 'do it without asking', isSwitch: true },
  dropOld: {
    schema: flag,
    help: 'drop the old table with the swap; without it it stays as <table>__old until the next rebuild',
    isSwitch: true,
  },
  abort: { schema: flag, help: 'drop what a rebuild that was interrupted has filled', isSwitch: true },
  acceptRetention: {
    schema: flag,
    help: 'rebuild from a topic that deletes records by age or size too: rows whose records are gone will be missing',
    isSwitch: true,
  },
  swapTimeoutMs: {
    schema: count.default(600_000),
    help: 'how long the swap is tried while transactions are in its way, milliseconds; run again it goes on from there',
  },
  ...BAD_ROW_BOUNDS,
} as const satisfies OptionSpecs;

type RebuildOptions = Options<typeof OPTIONS>;

const say = (line: string): void => {
  stdout.write(`${line}\n`);
};

async function run(table: TableName, options: RebuildOptions): Promise<void> {
  const log = createLog('warn', 'rebuild');
  const clientId = `${options.sinkName}-rebuild`;
  const security = kafkaSecurity(options);
  const { sinkName: sink, databaseUrl, dropOld, acceptRetention, swapTimeoutMs } = options;
  const brokers = options.kafkaBootstrapServers;
  await using kafka = await connectKafka({ brokers, clientId, security, log, clock: systemClock });
  const startedMs = systemClock.now();
  const context: RebuildContext = {
    kafka,
    registry: connectRegistry({ url: options.schemaRegistryUrl, clientId }),
    clock: systemClock,
    random: Math.random,
    log,
    databaseUrl,
    deadLetters: { perBatchMax: options.badRowsPerBatchMax, totalMax: options.badRowsMax },
    say: (line) => stderr.write(`[${Math.round((systemClock.now() - startedMs) / 1_000)} s] ${line}\n`),
  };
  const request = { sink, table, dropsOld: dropOld, acceptsRetention: acceptRetention, swapTimeoutMs };
  if (options.abort) {
    const isDone = await abortRebuild(request, context);
    return say(isDone ? `the rebuild of ${plainName(table)} is given up` : 'no rebuild is under way');
  }
  await show(request, context);
  if (!options.yes && !(await isWanted())) return say('nothing is changed; --yes does it');
  await rebuild(request, context);
  say(`${plainName(table)} is rebuilt`);
}

/** @throws Failure `rebuild.*` (stop) for what would not be done */
async function show(
  { sink, table, dropsOld, acceptsRetention }: Parameters<typeof rebuild>[0],
  context: RebuildContext,
): Promise<void> {
  await using session = await openRebuildSession(context);
  const plan = await planRebuild(session.client, context.kafka, context.registry, sink, table);
  for (const line of planText(plan, dropsOld)) say(line);
  verifyPlan(plan, acceptsRetention);
}

/** Without a terminal nobody can say yes. */
async function isWanted(): Promise<boolean> {
  if (!stdin.isTTY || !stdout.isTTY) return false;
  using terminal = createInterface({ input: stdin, output: stdout });
  const answer = await terminal.question('Do it? [y/N] ');
  return /^y(es)?$/i.test(answer.trim());
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
  await run(parseTableName(name), parsed.options);
}

try {
  await main(argv.slice(2));
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(error instanceof Failure && error.code === 'config.invalid' ? EXIT.config : EXIT.failed);
}
