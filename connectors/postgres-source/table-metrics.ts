import { METRIC, type Metrics } from '../../infra/process/metrics.ts';
import type { OnIncompatible } from './shapes/incompatible-policy.ts';
import type { Relation } from './changes/relation.ts';
import type { RowEncoder } from './records/row-encoder.ts';

/** What becomes of tables whose shape changes. Rows are counted plainly; {@link flush} hands the sums over. */
export class TableMetrics {
  readonly #refused;
  readonly #paused;
  readonly #skippedRows;
  readonly #changes;
  readonly #skipped = new Map<RowEncoder, number>();

  constructor(metrics: Metrics) {
    const labels = ['schema', 'table'] as const;
    this.#refused = metrics.counter(METRIC.shapesRefused, 'Shapes that a topic did not take, by policy', [
      'table',
      'policy',
    ]);
    this.#paused = metrics.gauge(METRIC.tablePaused, '1 while rows of the table are left out', labels);
    this.#skippedRows = metrics.counter(METRIC.rowsSkipped, 'Changes of paused tables, left out', labels);
    this.#changes = metrics.counter(METRIC.schemaChanges, 'Shapes of tables that were new', labels);
  }

  refused(table: string, policy: OnIncompatible): void {
    this.#refused.inc({ table, policy });
  }

  paused({ schema, table }: Pick<Relation, 'schema' | 'table'>, paused: boolean): void {
    this.#paused.set({ schema, table }, paused ? 1 : 0);
  }

  /** A change of a paused table. */
  skip(encoder: RowEncoder): void {
    this.#skipped.set(encoder, (this.#skipped.get(encoder) ?? 0) + 1);
  }

  changed({ schema, table }: Pick<Relation, 'schema' | 'table'>): void {
    this.#changes.inc({ schema, table });
  }

  flush(): void {
    for (const [{ schema }, rows] of this.#skipped)
      this.#skippedRows.inc({ schema: schema.schema, table: schema.table }, rows);
    this.#skipped.clear();
  }
}
