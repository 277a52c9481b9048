import { readFileSync } from 'node:fs';
import { argv, env, exit, stderr, stdout } from 'node:process';
import type { Kafka } from '../connectors/kafka/port.ts';
import { Failure, describe } from '../infra/process/failure.ts';
import { type OptionSpecs, type Options, parseOptions } from '../infra/process/options.ts';
import { ROLE_OPTIONS, requiredText } from '../infra/process/role-options.ts';
import { type PartitionCounts, expectedPartitions } from './engine/plan/explain.ts';
import { planDiff } from './engine/plan/plan-diff.ts';
import { planDiffText } from './engine/plan/plan-diff-text.ts';
import { isCompatible } from './engine/plan/plan-difference.ts';
import { type PlanRecord, parsePlanRecord, planRecord } from './engine/plan/plan-record.ts';
import { applicationNames } from './engine/runtime/application-names.ts';
import { readPlan } from './engine/runtime/plan-topic.ts';
import { OPTIONAL_KAFKA_OPTIONS, kafkaToAsk } from './kafka-to-ask.ts';
import { partitionCounts } from './partition-counts.ts';
import { PIPELINE_OPTION, pipelineFirst } from './pipeline-option.ts';

const COMMAND = 'node processors/plan.ts diff [PIPELINE]';
/** Of `plan diff`: state is kept, the comparison failed, state is not kept. */
const COMPARED = { compatible: 0, failed: 1, incompatible: 2 } as const;

const OPTIONS = {
  pipeline: PIPELINE_OPTION,
  from: {
    schema: requiredText.optional(),
    help: 'file with the plan before, as `describe --format plan` writes it. Without it the plan that the state in Kafka was written under',
  },
  topicPrefix: ROLE_OPTIONS.topicPrefix,
  ...OPTIONAL_KAFKA_OPTIONS,
} as const satisfies OptionSpecs;

/** Prints how the present plan differs from the one before. Returns the exit code. */
async function diff(options: Options<typeof OPTIONS>): Promise<number> {
  const { pipeline, topicPrefix, from } = options;
  const { plan } = pipeline;
  const names = applicationNames(topicPrefix, pipeline.name);
  await using kafka = await kafkaToAsk(options);
  const before = from === undefined ? await keptPlan(kafka, names.plan) : parsePlanRecord(textOf(from), from);
  const counts: PartitionCounts = kafka === null ? new Map() : await partitionCounts(kafka, plan, names);
  const compared = planDiff(before, planRecord(plan, expectedPartitions(plan, names, counts)));
  stdout.write(planDiffText(compared, names));
  return isCompatible(compared.verdict) ? COMPARED.compatible : COMPARED.incompatible;
}

async function keptPlan(kafka: Kafka | null, topic: string): Promise<PlanRecord> {
  const fix = 'give the plan before with --from FILE, or the brokers with --kafka-bootstrap-servers';
  if (kafka === null)
    throw new Failure('config.invalid', 'stop', 'there is nothing to compare with', { fix });
  const record = await readPlan(kafka, topic, new AbortController().signal);
  if (record !== null) return record;
  throw new Failure('plan.unknown', 'stop', `no plan is kept in topic ${topic}`, {
    fix: 'nothing that keeps state has run under this name and prefix; compare with a file, --from FILE',
  });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure('config.invalid', 'stop', `${file} cannot be read`, { cause: error });
  }
}

/** Says what an upgrade means for the state that the plan before has left. */
try {
  const [action, ...args] = argv.slice(2);
  const isHelp = action === undefined || action === '--help';
  if (!isHelp && action !== 'diff')
    throw new Failure('config.invalid', 'stop', `there is no action ${action}`, { fix: `use ${COMMAND}` });
  const parsed = parseOptions(COMMAND, OPTIONS, isHelp ? ['--help'] : pipelineFirst(args), env);
  if (parsed.kind === 'help') stdout.write(parsed.text);
  else exit(await diff(parsed.options));
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(COMPARED.failed);
}
