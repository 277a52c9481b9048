import { kafkaSecurity } from '../connectors/kafka/configured-security.ts';
import { connectKafka } from '../connectors/kafka/kafka.ts';
import type { Kafka } from '../connectors/kafka/port.ts';
import { KAFKA_SECURITY_OPTIONS } from '../connectors/kafka/security-options.ts';
import { systemClock } from '../infra/process/clock.ts';
import { silentLog } from '../infra/process/log.ts';
import type { OptionSpecs, Options } from '../infra/process/options.ts';
import { ROLE_OPTIONS } from '../infra/process/role-options.ts';

/** Of commands that work without a server and can tell more with one. */
export const OPTIONAL_KAFKA_OPTIONS = {
  kafkaBootstrapServers: {
    schema: ROLE_OPTIONS.kafkaBootstrapServers.schema.optional(),
    help: 'Kafka brokers to ask, host:port, comma-separated. Without them no server is needed',
  },
  ...KAFKA_SECURITY_OPTIONS,
} as const satisfies OptionSpecs;

/** Connects when brokers are given, else null. What they are asked changes nothing. */
export async function kafkaToAsk(options: Options<typeof OPTIONAL_KAFKA_OPTIONS>): Promise<Kafka | null> {
  const brokers = options.kafkaBootstrapServers;
  if (brokers === undefined) return null;
  return connectKafka({
    brokers,
    clientId: 'millrace-describe',
    security: kafkaSecurity(options),
    log: silentLog,
    clock: systemClock,
  });
}
