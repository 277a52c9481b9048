import { requiredText } from '../../../../infra/process/role-options.ts';
import { runRole } from '../../../../infra/process/role.ts';
import { PROCESSOR_OPTIONS, runProcessor } from '../../../../processors/processor-role.ts';
import '../../line-cutter.ts';
import { joinPipeline } from '../pipeline.ts';

/** A processor as it is in production, of the join that chaos tries. */
await runRole(
  {
    name: 'processor',
    command: 'node test/chaos/join/processor/main.ts',
    options: {
      ...PROCESSOR_OPTIONS,
      pipeline: { schema: requiredText, help: 'the name that the pipeline runs under' },
    },
    run: ({ pipeline, ...options }, log, signal) =>
      runProcessor(joinPipeline(pipeline), options, log, signal),
  },
  process.argv.slice(2),
  process.env,
);
