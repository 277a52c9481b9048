import { argv, env, exit, stderr, stdout } from 'node:process';
import { z } from 'zod';
import { type AclGrant, aclText } from '../connectors/kafka/acl-text.ts';
import { Failure, describe } from '../infra/process/failure.ts';
import { EXIT } from '../infra/process/lifecycle.ts';
import { type OptionSpecs, type Options, parseOptions } from '../infra/process/options.ts';
import { ROLE_OPTIONS, requiredText } from '../infra/process/role-options.ts';
import { PIPELINE_OPTION } from './pipeline-option.ts';
import { processorAcls, sinkAcls, sourceAcls } from './role-acls.ts';

const OPTIONS = {
  role: { schema: z.enum(['source', 'processor', 'sink']), help: 'whose rights: source, processor, sink' },
  principal: {
    schema: requiredText.optional(),
    help: 'the principal that the role logs in as; without it User:millrace-ROLE',
  },
  bootstrapServer: {
    schema: requiredText.default('localhost:9092'),
    help: 'broker that kafka-acls talks to; this command talks to none',
  },
  topicPrefix: ROLE_OPTIONS.topicPrefix,
  slotName: { schema: requiredText.default('millrace'), help: 'of the source: its replication slot' },
  pipeline: { ...PIPELINE_OPTION, schema: PIPELINE_OPTION.schema.optional() },
  sinkName: { schema: requiredText.default('sink'), help: 'of the sink: its --sink-name' },
  tables: {
    schema: z.string().default(''),
    help: 'of the sink: its --tables; topics without the prefix do, too',
  },
} as const satisfies OptionSpecs;

/** Prints what the brokers have to allow. Needs no server. */
try {
  const parsed = parseOptions('node processors/acls.ts', OPTIONS, argv.slice(2), env);
  if (parsed.kind === 'help') stdout.write(parsed.text);
  else {
    const { role, principal = `User:millrace-${role}`, bootstrapServer } = parsed.options;
    stdout.write(aclText(grantsOf(parsed.options), principal, bootstrapServer));
  }
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(EXIT.config);
}

function grantsOf(options: Options<typeof OPTIONS>): readonly AclGrant[] {
  const { role, topicPrefix, slotName, pipeline, sinkName, tables } = options;
  if (role === 'source') return sourceAcls(topicPrefix, slotName);
  if (role === 'processor') {
    if (pipeline === undefined) throw needs('--pipeline', 'processor');
    return processorAcls(topicPrefix, pipeline);
  }
  const topics = tables
    .split(',')
    .map((entry) => (entry.split('=', 1)[0] ?? '').trim())
    .filter((topic) => topic !== '');
  if (topics.length === 0) throw needs('--tables', 'sink');
  return sinkAcls(topicPrefix, sinkName, topics);
}

function needs(flag: string, role: string): Failure {
  return new Failure('config.invalid', 'stop', `--role ${role} needs ${flag}`, {
    fix: 'give the flags that the role is started with',
  });
}
