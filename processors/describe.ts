import { argv, env, exit, stderr, stdout } from 'node:process';
import { describe } from '../infra/process/failure.ts';
import { EXIT } from '../infra/process/lifecycle.ts';
import { type OptionSpecs, parseOptions } from '../infra/process/options.ts';
import { ROLE_OPTIONS } from '../infra/process/role-options.ts';
import { describeTopology } from './engine/plan/describe.ts';
import { applicationNames } from './engine/runtime/application-names.ts';
import { PIPELINE_OPTION } from './pipeline-option.ts';

const OPTIONS = {
  pipeline: PIPELINE_OPTION,
  topicPrefix: ROLE_OPTIONS.topicPrefix,
} as const satisfies OptionSpecs;

/** Prints a pipeline's topology as Kafka Streams does, with the names of its topics. Needs no server. */
try {
  const parsed = parseOptions('node processors/describe.ts', OPTIONS, argv.slice(2), env);
  if (parsed.kind === 'help') stdout.write(parsed.text);
  else {
    const { pipeline, topicPrefix } = parsed.options;
    stdout.write(`${describeTopology(pipeline.plan, applicationNames(topicPrefix, pipeline.name))}\n`);
  }
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(EXIT.config);
}
