import { z } from 'zod';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { ROLE_OPTIONS, count, requiredText } from '../../../infra/process/role-options.ts';
import type { OptionSpecs } from '../../../infra/process/options.ts';
import { runRole } from '../../../infra/process/role.ts';
import { seededRandom } from '../seeded-random.ts';
import { runCopyLoop } from './copy-loop.ts';

/** One process of the copy job. */
const COPIER_OPTIONS = {
  kafkaBootstrapServers: ROLE_OPTIONS.kafkaBootstrapServers,
  input: { schema: requiredText, help: 'topic to copy from' },
  output: { schema: requiredText, help: 'topic to copy to' },
  outputPartitions: { schema: count, help: 'partitions of the output' },
  groupId: { schema: requiredText, help: 'consumer group' },
  transactionalId: { schema: requiredText, help: 'of this process alone' },
  sessionTimeoutMs: { schema: count, help: 'milliseconds' },
  seed: { schema: z.coerce.number().int(), help: 'of the aborts that happen for no reason' },
  broken: {
    schema: z.stringbool().default(false),
    help: 'commit offsets outside of the transactions',
    isSwitch: true,
  },
  logLevel: ROLE_OPTIONS.logLevel,
} as const satisfies OptionSpecs;

await runRole(
  {
    name: 'copier',
    command: 'node test/chaos/copier/main.ts',
    options: COPIER_OPTIONS,
    async run({ kafkaBootstrapServers: brokers, seed, broken, ...options }, log, signal) {
      const clock = systemClock;
      await using kafka = await connectKafka({ brokers, clientId: options.transactionalId, log, clock });
      const random = seededRandom(seed);
      await runCopyLoop({ ...options, kafka, log, clock, random, isBroken: broken }, signal);
    },
  },
  process.argv.slice(2),
  process.env,
);
