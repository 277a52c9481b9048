import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Every metric name, once. Base units, Prometheus style; labels carry ids, never row values. */
export const METRIC = {
  sourceEvents: 'millrace_events_total',
  sourceLagBytes: 'millrace_source_lag_bytes',
  sourceLagSeconds: 'millrace_source_lag_seconds',
  sourceStalled: 'millrace_source_stalled',
  slotRetainedBytes: 'millrace_slot_retained_wal_bytes',
  slotSafeBytes: 'millrace_slot_safe_wal_bytes',
  slotGrowth: 'millrace_slot_retained_wal_growth_bytes',
  slotFullInSeconds: 'millrace_slot_full_in_seconds',
  slotWalStatus: 'millrace_slot_wal_status',
  slotActive: 'millrace_slot_active',
  slotInvalidated: 'millrace_slot_invalidated',
  readXminAge: 'millrace_source_read_xmin_age_transactions',
  slotXminAge: 'millrace_slot_catalog_xmin_age_transactions',
  unchangedMissing: 'millrace_unchanged_missing_total',
  snapshotRows: 'millrace_snapshot_rows_total',
  snapshotChunks: 'millrace_snapshot_chunks_total',
  snapshotRatio: 'millrace_snapshot_progress_ratio',
  snapshotSecondsLeft: 'millrace_snapshot_remaining_seconds',
  snapshotRowsPerSecond: 'millrace_snapshot_rows_per_second',
  snapshotFailing: 'millrace_snapshot_failing',
  eventsRouted: 'millrace_events_routed_total',
  eventsDropped: 'millrace_events_dropped_total',
  commitSeconds: 'millrace_commit_duration_seconds',
  recordsProcessed: 'millrace_records_processed_total',
  recordsDropped: 'millrace_records_dropped_total',
  operatorReceived: 'millrace_operator_records_in_total',
  operatorForwarded: 'millrace_operator_records_out_total',
  operatorFiltered: 'millrace_operator_records_filtered_total',
  operatorStreamTime: 'millrace_operator_stream_time_seconds',
  operatorPending: 'millrace_operator_pending_entries',
  joinMatched: 'millrace_join_matched_total',
  restoreRemaining: 'millrace_restore_remaining_records',
  recordsRestored: 'millrace_records_restored_total',
  standbyLag: 'millrace_standby_lag_records',
  standbyRecords: 'millrace_standby_records_total',
  stateEntries: 'millrace_state_entries',
  sinkRows: 'millrace_sink_rows_total',
  endToEndSeconds: 'millrace_record_e2e_latency_seconds',
  deadLetters: 'millrace_dlq_records_total',
  shapesRefused: 'millrace_shapes_refused_total',
  tablePaused: 'millrace_table_paused',
  rowsSkipped: 'millrace_rows_skipped_total',
  schemaChanges: 'millrace_schema_changes_total',
} as const;

const LATENCY_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** One process's metrics. Created once in a `main.ts` and passed down. */
export class Metrics {
  readonly registry = new Registry();

  /** Adds the Node.js process metrics: memory, event-loop lag, garbage collection. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  counter<L extends string>(name: string, help: string, labels: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames: [...labels], registers: [this.registry] });
  }

  gauge<L extends string>(name: string, help: string, labels: readonly L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames: [...labels], registers: [this.registry] });
  }

  /** A distribution of seconds. */
  seconds<L extends string>(name: string, help: string, labels: readonly L[]): Histogram<L> {
    return new Histogram({
      name,
      help,
      labelNames: [...labels],
      buckets: LATENCY_BUCKETS_SECONDS,
      registers: [this.registry],
    });
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }
}
