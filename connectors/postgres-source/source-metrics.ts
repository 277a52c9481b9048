import { METRIC, type Metrics } from '../../infra/process/metrics.ts';
import type { ChangeOp } from './change-reader.ts';
import type { RowEncoder } from './row-encoder.ts';

type CountedOp = ChangeOp | 'r';
type Counts = Record<CountedOp, number>;

/** Counts plainly on the row path; {@link flush} hands the sums to the metrics. */
export class SourceMetrics {
  readonly #counts = new Map<RowEncoder, Counts>();
  readonly #events;
  readonly #snapshotRows;
  readonly #lagBytes;
  readonly #retainedBytes;
  readonly #commitSeconds;
  /** Why the source is not streaming yet, null when it is. */
  phase: string | null = 'starting';

  constructor(metrics: Metrics) {
    this.#events = metrics.counter(METRIC.sourceEvents, 'Changes read from the WAL or a snapshot', [
      'schema',
      'table',
      'op',
    ]);
    this.#snapshotRows = metrics.counter(METRIC.snapshotRows, 'Rows read from tables', ['schema', 'table']);
    this.#lagBytes = metrics.gauge(METRIC.sourceLagBytes, 'WAL written and not acknowledged yet', []);
    this.#retainedBytes = metrics.gauge(
      METRIC.slotRetainedBytes,
      'WAL that the slot keeps on the server',
      [],
    );
    this.#commitSeconds = metrics.seconds(METRIC.commitSeconds, 'Duration of a Kafka transaction', []);
  }

  count(op: CountedOp, encoder: RowEncoder): void {
    let counts = this.#counts.get(encoder);
    if (counts === undefined) {
      counts = { c: 0, u: 0, d: 0, r: 0, t: 0 };
      this.#counts.set(encoder, counts);
    }
    counts[op]++;
  }

  flush(): void {
    for (const [{ schema }, counts] of this.#counts) {
      const labels = { schema: schema.schema, table: schema.table };
      for (const op of ['c', 'u', 'd', 'r', 't'] as const)
        if (counts[op] > 0) this.#events.inc({ ...labels, op }, counts[op]);
      if (counts.r > 0) this.#snapshotRows.inc(labels, counts.r);
    }
    this.#counts.clear();
  }

  committed(durationMs: number): void {
    this.#commitSeconds.observe(durationMs / 1000);
    this.flush();
  }

  slot(lagBytes: number, retainedBytes: number): void {
    this.#lagBytes.set(lagBytes);
    this.#retainedBytes.set(retainedBytes);
  }
}
