import { connectKafka } from '../../../../connectors/kafka/kafka.ts';
import { systemClock } from '../../../../infra/process/clock.ts';
import { runUntilSignal } from '../../../../infra/process/lifecycle.ts';
import { createLog } from '../../../../infra/process/log.ts';
import { Metrics } from '../../../../infra/process/metrics.ts';
import { keepOldHeapClose, keepYoungHeapSmall } from '../../../../infra/process/heap.ts';
import { engineMetrics } from '../../../../processors/engine/runtime/engine-metrics.ts';
import { runPipeline } from '../../../../processors/engine/runtime/run-pipeline.ts';
import { DiskHome } from '../../../../processors/engine/state/disk-home.ts';
import { memoryHome } from '../../../../processors/engine/state/task-state.ts';
import { connectRegistry } from '../../../../schemas/serde/schema-registry.ts';
import { tableCopy } from '../table-copy.ts';

keepYoungHeapSmall();
keepOldHeapClose();
/** The processor under test: brokers, registry, prefix, state directory (empty: state in memory). */
const [brokers = '', registryUrl = '', prefix = '', path = ''] = process.argv.slice(2);
const log = createLog('info', 'bench');

await runUntilSignal(log, async (signal) => {
  await using kafka = await connectKafka({
    brokers: brokers.split(','),
    clientId: 'restart-bench',
    log,
    clock: systemClock,
  });
  await runPipeline(
    {
      kafka,
      registry: connectRegistry({ url: registryUrl, clientId: 'restart-bench' }),
      clock: systemClock,
      log,
      metrics: engineMetrics(new Metrics(), tableCopy.name),
    },
    {
      topology: tableCopy,
      topicPrefix: prefix,
      instance: 'bench',
      groupInstanceId: 'bench',
      commitIntervalMs: 100,
      sessionTimeoutMs: 10_000,
      openHome: () =>
        path === '' ? memoryHome() : new DiskHome({ path, cleanupDelayMs: 600_000, clock: systemClock, log }),
      random: () => 0.5,
      onState: () => undefined,
    },
    signal,
  );
});
