import { METRIC, type Metrics } from '../../infra/process/metrics.ts';
import type { PublishedTable } from './shapes/catalog.ts';
import type { ChangeOp } from './changes/row-changes.ts';
import type { CopyReport } from './copies/copy-pace.ts';
import type { RowEncoder } from './records/row-encoder.ts';
import { CopyBoard } from './copies/copy-board.ts';
import { SlotMetrics } from './watch/slot-metrics.ts';
import { TableMetrics } from './table-metrics.ts';

type CountedOp = ChangeOp | 'r';
type Counts = Record<CountedOp, number>;

/** Counts plainly on the row path; {@link flush} hands the sums to the metrics. */
export class SourceMetrics {
  readonly #counts = new Map<RowEncoder, Counts>();
  readonly #events;
  readonly #snapshotRows;
  readonly #deadLetters;
  readonly #unchangedMissing;
  readonly #snapshotChunks;
  readonly #snapshotRatio;
  readonly #snapshotSecondsLeft;
  readonly #snapshotRowsPerSecond;
  readonly #snapshotFailing;
  readonly #commitSeconds;
  readonly #lagSeconds;
  readonly #stalledGauge;
  readonly slot: SlotMetrics;
  readonly tables: TableMetrics;
  readonly copies = new CopyBoard();
  /** Kafka transactions of this process. */
  commits = 0;
  #phase: string | null = 'starting';
  #stalled: string | null = null;

  constructor(metrics: Metrics) {
    this.#events = metrics.counter(METRIC.sourceEvents, 'Changes read from the WAL or a snapshot', [
      'schema',
      'table',
      'op',
    ]);
    this.#snapshotRows = metrics.counter(METRIC.snapshotRows, 'Rows read from tables', ['schema', 'table']);
    const labels = ['schema', 'table'] as const;
    this.#snapshotChunks = metrics.counter(
      METRIC.snapshotChunks,
      'Chunks of tables, by what became of them',
      [...labels, 'result'],
    );
    this.#snapshotRatio = metrics.gauge(
      METRIC.snapshotRatio,
      'Part of a table that is copied, 0 to 1',
      labels,
    );
    this.#snapshotSecondsLeft = metrics.gauge(
      METRIC.snapshotSecondsLeft,
      'Time until a table is copied, at the pace so far',
      labels,
    );
    this.#snapshotRowsPerSecond = metrics.gauge(
      METRIC.snapshotRowsPerSecond,
      'Pace of a copy that is under way',
      labels,
    );
    this.#snapshotFailing = metrics.gauge(
      METRIC.snapshotFailing,
      '1 while a table cannot be read and its copy is tried again',
      labels,
    );
    this.#deadLetters = metrics.counter(METRIC.deadLetters, 'Rows set aside as dead letters', [
      'schema',
      'table',
    ]);
    this.#unchangedMissing = metrics.counter(
      METRIC.unchangedMissing,
      'Events that lack an unchanged out-of-line value, though toast=fill was to give it',
      labels,
    );
    this.#lagSeconds = metrics.gauge(
      METRIC.sourceLagSeconds,
      'Age of the probe that the slot has not acknowledged yet, 0 when it has',
      [],
    );
    this.#stalledGauge = metrics.gauge(METRIC.sourceStalled, '1 while work is pending and nothing moves', []);
    this.slot = new SlotMetrics(metrics);
    this.tables = new TableMetrics(metrics);
    this.#commitSeconds = metrics.seconds(METRIC.commitSeconds, 'Duration of a Kafka transaction', []);
  }

  /** Why the source is not ready: it does not stream yet, or it stands still. Null when it streams. */
  get phase(): string | null {
    return this.#phase ?? this.#stalled;
  }

  set phase(phase: string | null) {
    this.#phase = phase;
  }

  /** Says that the stream stands still, and why; null when it moves. */
  set stalled(reason: string | null) {
    this.#stalled = reason;
    this.#stalledGauge.set(reason === null ? 0 : 1);
  }

  lag(durationMs: number): void {
    this.#lagSeconds.set(durationMs / 1000);
  }

  count(op: CountedOp, encoder: RowEncoder): void {
    let counts = this.#counts.get(encoder);
    if (counts === undefined) {
      counts = { c: 0, u: 0, d: 0, r: 0, t: 0 };
      this.#counts.set(encoder, counts);
    }
    counts[op]++;
  }

  deadLetter(schema: string, table: string): void {
    this.#deadLetters.inc({ schema, table });
  }

  unchangedMissing(schema: string, table: string): void {
    this.#unchangedMissing.inc({ schema, table });
  }

  flush(): void {
    for (const [{ schema }, counts] of this.#counts) {
      const labels = { schema: schema.schema, table: schema.table };
      for (const op of ['c', 'u', 'd', 'r', 't'] as const)
        if (counts[op] > 0) this.#events.inc({ ...labels, op }, counts[op]);
      if (counts.r > 0) this.#snapshotRows.inc(labels, counts.r);
    }
    this.#counts.clear();
    this.tables.flush();
  }

  committed(durationMs: number): void {
    this.commits++;
    this.#commitSeconds.observe(durationMs / 1000);
    this.flush();
  }

  /** A chunk was published, or has to be read again. */
  chunk({ schema, table }: PublishedTable, result: 'published' | 'again'): void {
    this.#snapshotChunks.inc({ schema, table, result });
  }

  /** Null: the table is copied. */
  copying({ schema, table }: PublishedTable, report: CopyReport | null): void {
    const labels = { schema, table };
    this.copies.report(`${schema}.${table}`, report);
    this.#snapshotRowsPerSecond.set(labels, report?.rowsPerSecond ?? 0);
    if (report === null) {
      this.#snapshotRatio.set(labels, 1);
      this.#snapshotSecondsLeft.set(labels, 0);
      return;
    }
    if (report.percent !== null) this.#snapshotRatio.set(labels, report.percent / 100);
    if (report.secondsLeft !== null) this.#snapshotSecondsLeft.set(labels, report.secondsLeft);
  }

  /** Why a table cannot be copied for now; null when it can. */
  copyFailing({ schema, table }: PublishedTable, reason: string | null): void {
    this.copies.fault(`${schema}.${table}`, reason);
    this.#snapshotFailing.set({ schema, table }, reason === null ? 0 : 1);
  }

  /** A copy was given up. */
  copyGone(table: PublishedTable): void {
    const labels = { schema: table.schema, table: table.table };
    this.copies.report(`${table.schema}.${table.table}`, null);
    this.copyFailing(table, null);
    for (const gauge of [this.#snapshotRatio, this.#snapshotSecondsLeft, this.#snapshotRowsPerSecond])
      gauge.remove(labels);
  }
}
