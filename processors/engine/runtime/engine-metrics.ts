import { METRIC, type Metrics } from '../../../infra/process/metrics.ts';
import { type OperatorMetrics, operatorMetrics } from './operator-metrics.ts';

/** The engine's metrics of one pipeline. */
export interface EngineMetrics {
  processed(task: string, records: number): void;
  readonly operators: OperatorMetrics;
  /** Told of each step of a restore: the records that it read, and the offsets that are left. */
  restored(task: string, records: number, remaining: number): void;
  /** Told of a standby that has followed its changelogs: the records that it took, and the offsets that it is behind. */
  followed(task: string, records: number, lag: number): void;
  unfollowed(task: string): void;
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
  const restored = metrics.counter(METRIC.recordsRestored, 'Changelog records that restores have read.', [
    'pipeline',
    'task',
  ]);
  const standbyLag = metrics.gauge(
    METRIC.standbyLag,
    'Changelog records that a standby is behind, as far as it has heard.',
    ['pipeline', 'task'],
  );
  const standbyRecords = metrics.counter(
    METRIC.standbyRecords,
    'Changelog records that standbys have taken.',
    ['pipeline', 'task'],
  );
  const entries = metrics.gauge(METRIC.stateEntries, 'Entries of a store.', ['pipeline', 'task', 'store']);
  const commits = metrics.seconds(METRIC.commitSeconds, 'Duration of a Kafka transaction.', ['pipeline']);
  return {
    operators,
    processed: (task, records) => processed.inc({ pipeline, task }, records),
    restored(task, records, remaining) {
      restored.inc({ pipeline, task }, records);
      restore.set({ pipeline, task }, remaining);
    },
    followed(task, records, lag) {
      standbyRecords.inc({ pipeline, task }, records);
      standbyLag.set({ pipeline, task }, lag);
    },
    unfollowed: (task) => standbyLag.remove({ pipeline, task }),
    stateEntries: (task, store, count) => entries.set({ pipeline, task, store }, count),
    closed(task, stores) {
      operators.closed(task);
      restore.remove({ pipeline, task });
      for (const store of stores) entries.remove({ pipeline, task, store });
    },
    committed: (seconds) => commits.observe({ pipeline }, seconds),
  };
}
