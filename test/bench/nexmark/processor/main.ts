import { argv, env } from 'node:process';
import { z } from 'zod';
import { kafkaSecurity } from '../../../../connectors/kafka/configured-security.ts';
import { count, requiredText } from '../../../../infra/process/role-options.ts';
import { runRole } from '../../../../infra/process/role.ts';
import { keepOldHeapClose, keepYoungHeapSmall } from '../../../../infra/process/heap.ts';
import { PROCESSOR_OPTIONS, runProcessor } from '../../../../processors/processor-role.ts';
import { QUERIES, namedQuery } from '../queries.ts';

/** The processor role with a query of the bench for its pipeline. */
keepYoungHeapSmall();
keepOldHeapClose();
await runRole(
  {
    name: 'processor',
    command: 'node test/bench/nexmark/processor/main.ts',
    options: {
      ...PROCESSOR_OPTIONS,
      query: { schema: z.enum(QUERIES), help: `one of ${QUERIES.join(', ')}` },
      pipelineName: { schema: requiredText, help: 'name of the pipeline, unlike those of other runs' },
      eventsPerSecond: { schema: count, help: 'rate of the events, which tells how long auctions are open' },
    },
    verify: kafkaSecurity,
    run: ({ query, pipelineName, eventsPerSecond, ...options }, log, signal) =>
      runProcessor(namedQuery(query, pipelineName, { eventsPerSecond }).topology, options, log, signal),
  },
  argv.slice(2),
  env,
);
