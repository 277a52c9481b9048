import { z } from 'zod';
import type { LogLevel } from './log.ts';
import type { OptionSpecs } from './options.ts';

const PORT_MAX = 65_535;
const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly LogLevel[];

/** A text that must be given. */
export const requiredText = z.string({ error: 'a value is required' }).min(1, 'a value is required');

/** A whole number above 0. */
export const count = z.coerce.number().int().positive();

const HTTP = /^https?$/;
const POSTGRES = /^postgres(ql)?$/;

/** `http://host:port`, with a path or without. */
export const httpUrl = z.url({ protocol: HTTP, error: 'http://host:port is expected' });

/** As libpq has it; the message quotes nothing, since there may be a password in it. */
export const postgresUrl = z.url({
  protocol: POSTGRES,
  error: 'postgres://user:password@host:port/name is expected',
});

/** `a, b` as a list; empty items do not count. */
const commaSeparated = requiredText.transform((list) =>
  list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

const INSTANCE_CHARACTERS_MAX = 200;

/** What the roles whose processes share work through a consumer group are told besides. */
export const GROUP_OPTIONS = {
  instance: {
    schema: z
      .string()
      .regex(/^[a-zA-Z0-9._-]+$/)
      .max(INSTANCE_CHARACTERS_MAX)
      .optional(),
    help: 'name of this process among those that share its work: unique, and the same after a restart, which then has its old work back at once (static membership); stopped for good, it is missed after the session timeout',
  },
  sessionTimeoutMs: {
    schema: count.default(10_000),
    help: 'silence after which the others take over the work of this process, milliseconds',
  },
} as const satisfies OptionSpecs;

/** What every role is told: where Kafka and the registry are, what its topics are called, where it answers. */
export const ROLE_OPTIONS = {
  kafkaBootstrapServers: {
    schema: commaSeparated,
    help: 'Kafka brokers, host:port, comma-separated',
    envFallback: 'KAFKA_BOOTSTRAP_SERVERS',
  },
  schemaRegistryUrl: {
    schema: httpUrl,
    help: 'Confluent-compatible schema registry',
    envFallback: 'SCHEMA_REGISTRY_URL',
  },
  topicPrefix: { schema: requiredText.default('millrace'), help: 'first part of every topic name' },
  httpPort: {
    schema: z.coerce.number().int().min(0).max(PORT_MAX).default(0),
    help: 'port of /healthz, /readyz, /metrics and what the role tells besides; 0 takes a free one',
  },
  httpHost: { schema: requiredText.default('127.0.0.1'), help: 'address that the HTTP port listens on' },
  logLevel: {
    schema: z.enum(LOG_LEVELS).default('info'),
    help: `least level logged: ${LOG_LEVELS.join(', ')}`,
  },
} as const satisfies OptionSpecs;
