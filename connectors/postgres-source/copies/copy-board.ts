import type { PublishedTable } from '../shapes/catalog.ts';
import type { CopyReport } from './copy-pace.ts';
import type { CopyBook } from './copy-state.ts';
import { type Lsn, lsnText } from '../place/lsn.ts';

/** A copy that is not finished, as `/copies` tells it. */
interface CopyLine {
  /** `schema.table`. */
  readonly table: string;
  readonly state: 'copying' | 'paused' | 'failing';
  readonly rows: number;
  readonly percent: number | null;
  readonly rowsPerSecond: number;
  readonly secondsLeft: number | null;
  /** Why it is failing. */
  readonly reason: string | null;
}

/** What is known of the copies that are under way, for those who ask over HTTP. */
export class CopyBoard {
  /** Everything up to here is in Kafka. */
  publishedLsn: Lsn = 0n;
  #copies: CopyBook | null = null;
  readonly #names = new Map<number, string>();
  readonly #reports = new Map<string, CopyReport>();
  readonly #faults = new Map<string, string>();

  watch(copies: CopyBook, tables: readonly PublishedTable[]): void {
    this.#copies = copies;
    for (const { oid, schema, table } of tables) this.#names.set(oid, `${schema}.${table}`);
  }

  report(table: string, report: CopyReport | null): void {
    if (report === null) this.#reports.delete(table);
    else this.#reports.set(table, report);
  }

  fault(table: string, reason: string | null): void {
    if (reason === null) this.#faults.delete(table);
    else this.#faults.set(table, reason);
  }

  toJSON(): { readonly publishedLsn: string; readonly copies: readonly CopyLine[] } {
    const open = this.#copies?.state.open ?? [];
    const copies = open.map(({ oid, rows, paused }): CopyLine => {
      const table = this.#names.get(oid) ?? `oid ${oid}`;
      const report = this.#reports.get(table);
      const reason = this.#faults.get(table) ?? null;
      const running = reason === null ? 'copying' : 'failing';
      return {
        table,
        state: paused ? 'paused' : running,
        rows: Math.max(rows, report?.rows ?? 0),
        percent: report?.percent ?? null,
        rowsPerSecond: paused ? 0 : (report?.rowsPerSecond ?? 0),
        secondsLeft: paused ? null : (report?.secondsLeft ?? null),
        reason,
      };
    });
    return { publishedLsn: lsnText(this.publishedLsn), copies };
  }
}
