import { METRIC, type Metrics } from '../../../infra/process/metrics.ts';
import { type OperatorMetrics, operatorMetrics } from './operator-metrics.ts';

/** The engine's metrics of one pipeline. */
export interface EngineMetrics {
  processed(task: string, records: number): void;
  readonly operators: OperatorMetrics;
  restoreRemaining(task: string, records: number): void;
  stateEntries(task: string, store: string, entries: number): void;
  /** Forgets a task that another instance may own now. */
  closed(task: string, stores: Iterable<string>): void;
  committed(seconds: number): void;
}

export function engineMetrics(metrics: Metrics, pipeline: string): EngineMetrics {
  const processed = metrics.counter(
    METRIC.recordsProcessed,
    'Records that a task has taken from its inputs.',
    ['pipeline', 'task'],
  );
  const operators = operatorMetrics(metrics, pipeline);
  const restore = metrics.gauge(
    METRIC.restoreRemaining,
    'Changelog records still to be read before the task runs.',
    ['pipeline', 'task'],
  );
  const entries = metrics.gauge(METRIC.stateEntries, 'Entries of a store.', ['pipeline', 'task', 'store']);
  const commits = metrics.seconds(METRIC.commitSeconds, 'Duration of a Kafka transaction.', ['pipeline']);
  return {
    operators,
    processed: (task, records) => processed.inc({ pipeline, task }, records),
    restoreRemaining: (task, records) => restore.set({ pipeline, task }, records),
    stateEntries: (task, store, count) => entries.set({ pipeline, task, store }, count),
    closed(task, stores) {
      operators.closed(task);
      restore.remove({ pipeline, task });
      for (const store of stores) entries.remove({ pipeline, task, store });
    },
    committed: (seconds) => commits.observe({ pipeline }, seconds),
  };
}
