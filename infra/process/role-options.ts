import { z } from 'zod';
import type { LogLevel } from './log.ts';
import type { OptionSpecs } from './options.ts';

const PORT_MAX = 65_535;
const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly LogLevel[];

/** A text that must be given. */
export const requiredText = z.string({ error: 'a value is required' }).min(1, 'a value is required');

/** A whole number above 0. */
export const count = z.coerce.number().int().positive();

/** `a, b` as a list; empty items do not count. */
const commaSeparated = requiredText.transform((list) =>
  list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

/** What every role is told: where Kafka and the registry are, what its topics are called, where it answers. */
export const ROLE_OPTIONS = {
  kafkaBootstrapServers: {
    schema: commaSeparated,
    help: 'Kafka brokers, host:port, comma-separated',
    envFallback: 'KAFKA_BOOTSTRAP_SERVERS',
  },
  schemaRegistryUrl: {
    schema: requiredText,
    help: 'Confluent-compatible schema registry',
    envFallback: 'SCHEMA_REGISTRY_URL',
  },
  topicPrefix: { schema: requiredText.default('millrace'), help: 'first part of every topic name' },
  httpPort: {
    schema: z.coerce.number().int().min(0).max(PORT_MAX).default(0),
    help: 'port of /healthz, /readyz and /metrics; 0 takes a free one',
  },
  httpHost: { schema: requiredText.default('127.0.0.1'), help: 'address that the HTTP port listens on' },
  logLevel: {
    schema: z.enum(LOG_LEVELS).default('info'),
    help: `least level logged: ${LOG_LEVELS.join(', ')}`,
  },
} as const satisfies OptionSpecs;
