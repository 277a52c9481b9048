import { METRIC, type Metrics } from '../../infra/process/metrics.ts';
import type { Slice } from './inbox.ts';

/** What the sink counts. */
export interface SinkMetrics {
  /** `late` rows are among the upserts: the target has a later version. Told of tables with meta columns. */
  rows(table: string, op: 'upsert' | 'delete' | 'late', count: number): void;
  deadLetters(table: string, count: number): void;
  /** From the commit in the source, which is the record's timestamp, to the commit in the target. */
  endToEnd(table: string, slices: readonly Slice[], nowMs: number): void;
  committed(durationMs: number): void;
  /** The table takes no more rows. */
  tableStopped(table: string): void;
  /** It is tried again. */
  tableStarts(table: string): void;
}

export function createSinkMetrics(metrics: Metrics): SinkMetrics {
  const rows = metrics.counter(METRIC.sinkRows, 'Rows written to target tables.', ['table', 'op']);
  const letters = metrics.counter(METRIC.deadLetters, 'Records set aside as dead letters.', ['table']);
  const latency = metrics.seconds(METRIC.endToEndSeconds, 'From source commit to target commit.', ['table']);
  const commit = metrics.seconds(METRIC.commitSeconds, 'Duration of a transaction.', []);
  const stopped = metrics.gauge(METRIC.tablePaused, '1 while the table takes no rows', ['table']);
  return {
    tableStopped(table) {
      stopped.labels(table).set(1);
    },
    tableStarts(table) {
      stopped.labels(table).set(0);
    },
    rows(table, op, count) {
      if (count > 0) rows.labels(table, op).inc(count);
    },
    deadLetters(table, count) {
      if (count > 0) letters.labels(table).inc(count);
    },
    endToEnd(table, slices, nowMs) {
      const histogram = latency.labels(table);
      for (const slice of slices)
        for (const record of slice.records) histogram.observe(Math.max(0, nowMs - record.timestamp) / 1000);
    },
    committed(durationMs) {
      commit.observe(durationMs / 1000);
    },
  };
}
