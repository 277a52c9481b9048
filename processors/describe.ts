import { argv, env, exit, stderr, stdout } from 'node:process';
import { z } from 'zod';
import { describe } from '../infra/process/failure.ts';
import { EXIT } from '../infra/process/lifecycle.ts';
import { type OptionSpecs, type Options, parseOptions } from '../infra/process/options.ts';
import { ROLE_OPTIONS } from '../infra/process/role-options.ts';
import { BAD_RECORD_OPTIONS, badRecordPolicies } from './bad-record-options.ts';
import { writesDeadLetters } from './engine/bad-record-policies.ts';
import { type PartitionCounts, expectedPartitions, explain } from './engine/plan/explain.ts';
import { explanationText } from './engine/plan/explanation-text.ts';
import { mermaid } from './engine/plan/mermaid.ts';
import { planRecord } from './engine/plan/plan-record.ts';
import { applicationNames } from './engine/runtime/application-names.ts';
import { OPTIONAL_KAFKA_OPTIONS, kafkaToAsk } from './kafka-to-ask.ts';
import { partitionCounts } from './partition-counts.ts';
import { PIPELINE_OPTION, pipelineFirst } from './pipeline-option.ts';

const OPTIONS = {
  pipeline: PIPELINE_OPTION,
  format: {
    schema: z.enum(['text', 'mermaid', 'json', 'plan']).default('text'),
    help: "text (Kafka Streams' format, then topics, stores, joins, results), mermaid, json, or plan (the plan itself, to be compared by `npm run plan -- diff`)",
  },
  topicPrefix: ROLE_OPTIONS.topicPrefix,
  ...BAD_RECORD_OPTIONS,
  ...OPTIONAL_KAFKA_OPTIONS,
} as const satisfies OptionSpecs;

async function run(options: Options<typeof OPTIONS>): Promise<string> {
  const { pipeline, topicPrefix, format } = options;
  const { plan } = pipeline;
  const names = applicationNames(topicPrefix, pipeline.name);
  await using kafka = await kafkaToAsk(options);
  const counts: PartitionCounts = kafka === null ? new Map() : await partitionCounts(kafka, plan, names);
  if (format === 'plan')
    return `${JSON.stringify(planRecord(plan, expectedPartitions(plan, names, counts)), null, 2)}\n`;
  const explanation = explain(plan, names, counts, writesDeadLetters(badRecordPolicies(options)));
  if (format === 'json') return `${JSON.stringify(explanation, null, 2)}\n`;
  return format === 'mermaid' ? mermaid(explanation) : explanationText(plan, names, explanation);
}

/** Prints what a pipeline will do: its topology, tasks, topics, stores and the nature of its results. */
try {
  const parsed = parseOptions('node processors/describe.ts', OPTIONS, pipelineFirst(argv.slice(2)), env);
  stdout.write(parsed.kind === 'help' ? parsed.text : await run(parsed.options));
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(EXIT.config);
}
