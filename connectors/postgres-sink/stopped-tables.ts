import { Failure, describe } from '../../infra/process/failure.ts';
import type { Log } from '../../infra/process/log.ts';
import type { Fetcher, TopicPartition } from '../kafka/port.ts';
import type { SinkMetrics } from './sink-metrics.ts';
import type { TableFeed } from './table-feed.ts';

/** What is wrong between a topic's schemas and its table, and not with the sink. */
const TABLES_OWN: ReadonlySet<string> = new Set([
  'sink.incompatible_table',
  'sink.no_unique_key',
  'sink.ddl_refused',
  'sink.grant_missing',
  'sink.row_security',
  'sink.key_changed',
  'sink.type_changed',
  'sink.unsupported_type',
  'sink.name_too_long',
  'sink.table_changed',
  'sink.table_missing',
]);

/**
 * Tables that cannot follow their topics. Their offsets stay where they are, so that nothing is lost, and the others go
 * on; the next start of the sink tries them again.
 */
export class StoppedTables {
  readonly #tables: number;
  readonly #log: Log;
  readonly #metrics: SinkMetrics;
  readonly #topics = new Map<string, TableFeed>();

  /** @param tables how many the sink fills: when none is left, it ends */
  constructor(tables: number, log: Log, metrics: SinkMetrics) {
    this.#tables = tables;
    this.#log = log;
    this.#metrics = metrics;
  }

  has(topic: string): boolean {
    return this.#topics.has(topic);
  }

  /**
   * Runs a step of one table; null for one that is stopped, or stops by it.
   * @throws what is not the table's own, and the error that stops the last table
   */
  async guard<T>(feed: TableFeed, step: () => Promise<T>): Promise<T | null> {
    if (this.#topics.has(feed.topic)) return null;
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof Failure && TABLES_OWN.has(error.code))) throw error;
      this.#topics.set(feed.topic, feed);
      if (this.#topics.size === this.#tables) throw error;
      this.#metrics.tableStopped(feed.label);
      this.#log.error(
        { table: feed.label, topic: feed.topic, code: error.code, reason: describe(error) },
        'the table takes no more rows until the sink is started again; the other tables go on',
      );
      return null;
    }
  }

  /** To be called when the tables may be others than those that stopped. */
  forget(): void {
    for (const { label } of this.#topics.values()) this.#metrics.tableStarts(label);
    this.#topics.clear();
  }

  /** Those of stopped tables. */
  among<T extends TopicPartition>(held: readonly T[]): readonly T[] {
    return this.#topics.size === 0 ? [] : held.filter(({ topic }) => this.#topics.has(topic));
  }

  /** Fetches no more of what stopped tables would take. */
  pause(fetcher: Fetcher, held: readonly TopicPartition[]): void {
    if (this.#topics.size > 0) fetcher.pause(this.among(held));
  }
}
