import { argv, env } from 'node:process';
import { kafkaSecurity } from '../connectors/kafka/configured-security.ts';
import { runRole } from '../infra/process/role.ts';
import { keepOldHeapClose, keepYoungHeapSmall } from '../infra/process/heap.ts';
import { PIPELINE_OPTION } from './pipeline-option.ts';
import { PROCESSOR_OPTIONS, runProcessor } from './processor-role.ts';

keepYoungHeapSmall();
keepOldHeapClose();
await runRole(
  {
    name: 'processor',
    command: 'node processors/main.ts',
    options: { ...PROCESSOR_OPTIONS, pipeline: PIPELINE_OPTION },
    verify: kafkaSecurity,
    run: ({ pipeline, ...options }, log, signal) => runProcessor(pipeline, options, log, signal),
  },
  argv.slice(2),
  env,
);
