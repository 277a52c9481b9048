import { METRIC, type Metrics } from '../../../infra/process/metrics.ts';
import type { DropReason } from '../record.ts';

/** The engine's metrics of one pipeline. Called for each record: label sets are resolved once. */
export interface EngineMetrics {
  processed(task: string, records: number): void;
  readonly dropped: (node: string, reason: DropReason) => void;
  readonly matched: (node: string) => void;
  /** Told of each step of a restore: the records that it read, and the offsets that are left. */
  restored(task: string, records: number, remaining: number): void;
  stateEntries(task: string, store: string, entries: number): void;
  /** Forgets a task that another instance may own now. */
  closed(task: string, stores: Iterable<string>): void;
  committed(seconds: number): void;
}

interface Counting {
  inc(by?: number): void;
}

export function engineMetrics(metrics: Metrics, pipeline: string): EngineMetrics {
  const processed = metrics.counter(
    METRIC.recordsProcessed,
    'Records that a task has taken from its inputs.',
    ['pipeline', 'task'],
  );
  const dropped = metrics.counter(METRIC.recordsDropped, 'Records that an operator has dropped, by reason.', [
    'pipeline',
    'node',
    'reason',
  ]);
  const matched = metrics.counter(METRIC.joinMatched, 'Pairs that a join has put out.', ['pipeline', 'node']);
  const restore = metrics.gauge(
    METRIC.restoreRemaining,
    'Changelog records still to be read before the task runs.',
    ['pipeline', 'task'],
  );
  const restored = metrics.counter(METRIC.recordsRestored, 'Changelog records that restores have read.', [
    'pipeline',
    'task',
  ]);
  const entries = metrics.gauge(METRIC.stateEntries, 'Entries of a store.', ['pipeline', 'task', 'store']);
  const commits = metrics.seconds(METRIC.commitSeconds, 'Duration of a Kafka transaction.', ['pipeline']);
  const known = new Map<string, Counting>();
  const counting = (id: string, make: () => Counting): Counting => {
    const counter = known.get(id) ?? make();
    known.set(id, counter);
    return counter;
  };
  return {
    processed: (task, records) =>
      counting(`p ${task}`, () => processed.labels({ pipeline, task })).inc(records),
    dropped: (node, reason) =>
      counting(`d ${node} ${reason}`, () => dropped.labels({ pipeline, node, reason })).inc(),
    matched: (node) => counting(`m ${node}`, () => matched.labels({ pipeline, node })).inc(),
    restored(task, records, remaining) {
      restored.inc({ pipeline, task }, records);
      restore.set({ pipeline, task }, remaining);
    },
    stateEntries: (task, store, count) => entries.set({ pipeline, task, store }, count),
    closed(task, stores) {
      restore.remove({ pipeline, task });
      for (const store of stores) entries.remove({ pipeline, task, store });
    },
    committed: (seconds) => commits.observe({ pipeline }, seconds),
  };
}
