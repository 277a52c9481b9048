import type { StoredRow } from './store-rows.ts';

/** Bytes of rows that one answer carries; the first row is in it however large it is. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** The rows of an answer, up to a number of them and a number of bytes. */
export class BoundedRows {
  readonly rows: StoredRow[] = [];
  readonly #rowsMax: number;
  #bytes = 0;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  /** Returns false when there is no room for it. */
  add(row: StoredRow): boolean {
    const bytes = Buffer.byteLength(JSON.stringify(row));
    if (this.rows.length >= this.#rowsMax) return false;
    if (this.rows.length > 0 && this.#bytes + bytes > ANSWER_BYTES_MAX) return false;
    this.rows.push(row);
    this.#bytes += bytes;
    return true;
  }
}
