import { z } from 'zod';
import { runRole } from '../../../infra/process/role.ts';
import { keepOldHeapClose, keepYoungHeapSmall } from '../../../infra/process/heap.ts';
import { PROCESSOR_OPTIONS, runProcessor } from '../../../processors/processor-role.ts';
import { PIPELINES } from '../pipelines.ts';

keepYoungHeapSmall();
keepOldHeapClose();
/** A processor as it is in production, of one of the oracle's pipelines. */
await runRole(
  {
    name: 'processor',
    command: 'node test/oracle/processor/main.ts',
    options: {
      ...PROCESSOR_OPTIONS,
      pipeline: {
        schema: z.enum(PIPELINES.map(({ name }) => name)),
        help: 'which of the pipelines',
      },
    },
    run: async ({ pipeline, ...options }, log, signal) => {
      const topology = PIPELINES.find(({ name }) => name === pipeline);
      if (topology !== undefined) await runProcessor(topology, options, log, signal);
    },
  },
  process.argv.slice(2),
  process.env,
);
