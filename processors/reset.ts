import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { argv, env, exit, stderr, stdout } from 'node:process';
import { z } from 'zod';
import { kafkaSecurity } from '../connectors/kafka/configured-security.ts';
import { connectKafka } from '../connectors/kafka/kafka.ts';
import type { Kafka } from '../connectors/kafka/port.ts';
import { KAFKA_SECURITY_OPTIONS } from '../connectors/kafka/security-options.ts';
import { systemClock } from '../infra/process/clock.ts';
import { Failure, describe } from '../infra/process/failure.ts';
import { EXIT } from '../infra/process/lifecycle.ts';
import { silentLog } from '../infra/process/log.ts';
import { type OptionSpecs, type Options, parseOptions } from '../infra/process/options.ts';
import { ROLE_OPTIONS, requiredText } from '../infra/process/role-options.ts';
import { applicationNames } from './engine/runtime/application-names.ts';
import { resetPipeline } from './engine/runtime/reset-pipeline.ts';
import { planReset } from './engine/runtime/reset-plan.ts';
import { isEmpty, resetText } from './engine/runtime/reset-text.ts';
import { PIPELINE_OPTION } from './pipeline-option.ts';

const COMMAND = 'node processors/reset.ts';
const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true');

const { kafkaBootstrapServers, topicPrefix } = ROLE_OPTIONS;
const OPTIONS = {
  kafkaBootstrapServers,
  topicPrefix,
  ...KAFKA_SECURITY_OPTIONS,
  pipeline: PIPELINE_OPTION,
  stateDir: {
    schema: requiredText.optional(),
    help: "the processors' directory of local state, where they have one on this machine: what is the pipeline's goes",
  },
  results: { schema: flag, help: 'delete the topics that the pipeline writes too', isSwitch: true },
  dryRun: { schema: flag, help: 'print what would be done, and do nothing: the default', isSwitch: true },
  execute: { schema: flag, help: 'do it', isSwitch: true },
} as const satisfies OptionSpecs;

type ResetOptions = Options<typeof OPTIONS>;

const say = (line: string): void => {
  stdout.write(`${line}\n`);
};

const isThere = (directory: string): Promise<boolean> =>
  stat(directory).then(
    () => true,
    () => false,
  );

const deleteDirectory = (directory: string): Promise<void> => rm(directory, { recursive: true, force: true });

async function run(kafka: Kafka, options: ResetOptions): Promise<void> {
  const { pipeline, results, execute, stateDir } = options;
  const names = applicationNames(options.topicPrefix, pipeline.name);
  const ownState = stateDir === undefined ? null : join(stateDir, names.applicationId);
  const request = { plan: pipeline.plan, names, results, stateDir: ownState, isThere };
  const plan = await planReset(kafka, request);
  say(`reset of pipeline ${pipeline.name}`);
  for (const line of resetText(plan)) say(`  ${line}`);
  if (!execute) return say('this was a dry run: nothing is changed; --execute does it');
  if (isEmpty(plan)) return;
  await resetPipeline(kafka, request, { deleteDirectory, onDone: say, now: () => systemClock.now() });
  say(`${pipeline.name} begins with the first record of its inputs at its next start`);
}

async function main(args: readonly string[]): Promise<void> {
  const parsed = parseOptions(COMMAND, OPTIONS, args, env);
  if (parsed.kind === 'help') {
    stdout.write(parsed.text);
    return;
  }
  const { options } = parsed;
  if (options.dryRun && options.execute)
    throw new Failure('config.invalid', 'stop', '--dry-run and --execute contradict each other');
  await using kafka = await connectKafka({
    brokers: options.kafkaBootstrapServers,
    clientId: `${options.topicPrefix}-reset`,
    security: kafkaSecurity(options),
    log: silentLog,
    clock: systemClock,
  });
  await run(kafka, options);
}

try {
  await main(argv.slice(2));
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  const isConfig = error instanceof Failure && error.code === 'config.invalid';
  exit(isConfig ? EXIT.config : EXIT.failed);
}
