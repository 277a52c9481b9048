import { kafkaSecurity } from '../../../connectors/kafka/configured-security.ts';
import { PRODUCER_OPTIONS } from '../../../connectors/kafka/producer-options.ts';
import { KAFKA_SECURITY_OPTIONS } from '../../../connectors/kafka/security-options.ts';
import { parseTableMapping } from '../../../connectors/postgres-sink/table-mapping.ts';
import { TABLE_OPTIONS } from '../../../connectors/postgres-sink/table-options.ts';
import { OUTBOX_OPTIONS, eventOptions } from '../../../connectors/postgres-source/events/outbox-options.ts';
import { FAILOVER_OPTIONS } from '../../../connectors/postgres-source/place/failover-options.ts';
import {
  ENVELOPE_OPTIONS,
  verifyEnvelope,
} from '../../../connectors/postgres-source/records/envelope-options.ts';
import { FILTER_OPTIONS, verifyFilters } from '../../../connectors/postgres-source/shapes/filter-options.ts';
import { SCHEMA_OPTIONS } from '../../../connectors/postgres-source/shapes/schema-options.ts';
import { TOAST_OPTIONS } from '../../../connectors/postgres-source/toast/toast-options.ts';
import { TYPE_OPTIONS } from '../../../connectors/postgres-source/types/type-options.ts';
import { DEMO_OPTIONS } from '../../../infra/local/demo/options.ts';
import { stackOptions } from '../../../infra/local/stack-options.ts';
import {
  type OptionSpecs,
  type Options,
  envOf,
  flagOf,
  parseOptions,
} from '../../../infra/process/options.ts';
import { GROUP_OPTIONS, ROLE_OPTIONS, postgresUrl } from '../../../infra/process/role-options.ts';
import { badRecordPolicies } from '../../../processors/bad-record-options.ts';
import { PIPELINE_OPTION } from '../../../processors/pipeline-option.ts';
import { PROCESSOR_OPTIONS } from '../../../processors/processor-role.ts';
import type { FuzzSubject } from '../subject.ts';

const DATABASE_URL = { schema: postgresUrl, help: 'database', secret: true };

const SOURCE = {
  ...ROLE_OPTIONS,
  ...KAFKA_SECURITY_OPTIONS,
  ...PRODUCER_OPTIONS,
  databaseUrl: DATABASE_URL,
  ...OUTBOX_OPTIONS,
  ...FILTER_OPTIONS,
  ...TYPE_OPTIONS,
  ...ENVELOPE_OPTIONS,
  ...FAILOVER_OPTIONS,
  ...TOAST_OPTIONS,
  ...SCHEMA_OPTIONS,
} as const satisfies OptionSpecs;

const SINK = {
  ...ROLE_OPTIONS,
  ...KAFKA_SECURITY_OPTIONS,
  ...GROUP_OPTIONS,
  databaseUrl: DATABASE_URL,
  ...TABLE_OPTIONS,
} as const satisfies OptionSpecs;

const PROCESSOR = { ...PROCESSOR_OPTIONS, pipeline: PIPELINE_OPTION } as const satisfies OptionSpecs;
const DEMO = { ...DEMO_OPTIONS, ...stackOptions } as const satisfies OptionSpecs;

const SEPARATOR = '\n';
/** A line that begins with it is a variable, all others are words of the command line. */
const VARIABLE = /^([A-Z_]+)=(.*)$/;

/** Of these each option gets one that it takes, so that what stands behind a good word is reached too. */
const WORDS = [
  [
    '1',
    'null',
    'warn',
    '7',
    'true',
    'false',
    'dlq',
    'skip',
    'stop',
    'none',
    'gzip',
    'debug',
    'create',
    'soft',
    'debezium',
    'mark',
  ],
  [
    'SSL',
    'SASL_SSL',
    'SASL_PLAINTEXT',
    'PLAIN',
    'SCRAM-SHA-256',
    'OAUTHBEARER',
    'https',
    'memory',
    'at_least_once',
  ],
  [
    'localhost:9092',
    'http://localhost:8081',
    'postgres://u:p%20w@h:1/d',
    'public.t',
    'p.*=mask',
    'p.t=fill',
    'name',
  ],
  [
    'p.${routedByValue}',
    'id=a,type=b',
    'public[.].*:id,a',
    'public.t.c=decimal(3,1)',
    'order,customer',
    'x'.repeat(40),
  ],
  ['orders-denorm', 'dead-letter', 'auto', '%', ' '],
].flat();

/** Each option as a flag, as a variable, or not at all. */
function samplesOf(specs: OptionSpecs): Buffer[] {
  return [0, 1, 2, 3, 4, 5].map((shift) => {
    const lines = Object.entries(specs).flatMap(([name, { schema, isSwitch }], i) => {
      const fitting = WORDS.filter((word) => schema.safeParse(word).success);
      const word = fitting[(i * 7 + shift) % Math.max(1, fitting.length)] ?? '';
      const isNeeded = !schema.safeParse(undefined).success;
      if (!isNeeded && (i + shift) % 3 === 2) return [];
      if ((i + shift) % 3 === 0) return [`${envOf(name)}=${isSwitch === true ? 'true' : word}`];
      return isSwitch === true ? [`--${flagOf(name)}`] : [`--${flagOf(name)}`, word];
    });
    return Buffer.from(lines.join(SEPARATOR));
  });
}

function given(bytes: Buffer): { argv: string[]; env: Record<string, string> } {
  const argv: string[] = [];
  const env: Record<string, string> = {};
  for (const line of bytes.toString('utf8').split(SEPARATOR)) {
    const [, name, value = ''] = VARIABLE.exec(line) ?? [];
    if (name === undefined) argv.push(line);
    // A file may be a device that never ends.
    else if (!name.endsWith('_FILE')) env[name] = value;
  }
  return { argv, env };
}

function program<S extends OptionSpecs>(
  name: string,
  specs: S,
  verify: (options: Options<S>) => unknown = () => undefined,
): FuzzSubject {
  return {
    name: `options-of-${name}`,
    samples: samplesOf(specs),
    run(bytes) {
      const { argv, env } = given(bytes);
      const parsed = parseOptions(name, specs, argv, env);
      if (parsed.kind === 'run') verify(parsed.options);
    },
  };
}

export const OPTION_SUBJECTS: readonly FuzzSubject[] = [
  program('source', SOURCE, (options) => {
    kafkaSecurity(options);
    verifyFilters(options);
    verifyEnvelope(options);
    eventOptions(options);
  }),
  program('sink', SINK, kafkaSecurity),
  program('processor', PROCESSOR, (options) => {
    kafkaSecurity(options);
    badRecordPolicies(options);
  }),
  program('demo', DEMO),
  {
    name: 'table-mapping',
    samples: [Buffer.from('orders=public.orders, revenue="a b".revenue')],
    run: (bytes) => parseTableMapping(bytes.toString('utf8')),
  },
];
