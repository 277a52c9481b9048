import { createHash } from 'node:crypto';
import { Failure } from '../../../infra/process/failure.ts';
import { FRAME_BYTES } from '../../../schemas/serde/wire-format.ts';
import { keyText } from '../copies/chunk-window.ts';
import { type PgoutputReader, PGOUTPUT } from './pgoutput.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import { CELL, type Tuple } from './tuple.ts';

/** Of changes that are held until their transaction ends: tables with deferrable keys and REPLICA IDENTITY FULL. */
export const DEFERRED_KEY_BYTES_MAX = 64 * 1024 * 1024;

/** A row as one change left it. */
interface Row {
  readonly signature: string;
  /** The whole pgoutput message. */
  readonly message: Buffer;
  readonly encoder: RowEncoder;
}

interface KeyChange {
  /** Framed; null of a row whose key cannot be encoded, which is alone under its name. */
  readonly key: Buffer | null;
  readonly encoder: RowEncoder;
  /** Rows that came under the key and have not left it. */
  readonly rows: Row[];
  /** The row that had the key before the transaction has left it. */
  ended: boolean;
  /** The message with that row as its old one; only for an envelope that tells of it. */
  before: Buffer | null;
}

/** What a transaction has made of one key: a row, or with null its end. */
export interface NetChange {
  readonly op: 'c' | 'u' | 'd';
  readonly key: Buffer | null;
  readonly encoder: RowEncoder;
  readonly message: Buffer | null;
  /** A message whose old row is the one that had the key before the transaction; null where nobody asks. */
  readonly before: Buffer | null;
}

/**
 * The changes of one transaction to tables whose primary key is DEFERRABLE, one per key. Such a key may be two rows' for
 * a while: when rows swap or shift their keys, a row comes under a key before the old one leaves it. One after the
 * other the events would say that the key is gone, and two equal rows could not even be told apart. What holds when the
 * transaction ends is exact: equal rows cancel out, and what is left is the row that has the key, if one has.
 */
export class DeferredKeys {
  readonly #bytesMax: number;
  readonly #changes = new Map<string, KeyChange>();
  #bytes = 0;
  #keyless = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Takes an insert, update or delete over. `old` is the whole row before. Returns the keys that it touches.
   * @throws Failure `source.deferred_key_too_large`
   */
  stage(encoder: RowEncoder, segment: Buffer, start: number, end: number, at: PgoutputReader): Buffer[] {
    const { type, oldTuple, newTuple } = at;
    const touched: Buffer[] = [];
    const old = type === PGOUTPUT.insert ? null : oldTuple;
    if (old !== null) {
      const key = encoder.goodKey(segment, old, null);
      if (key !== null) {
        const change = this.#of(key, encoder, at.relationOid);
        const wasEnded = change.ended;
        leave(change, encoder, signatureOf(segment, old, null));
        if (encoder.isDebezium && change.ended && !wasEnded)
          change.before = this.#hold(encoder, segment, start, end);
        touched.push(key);
      }
    }
    if (type === PGOUTPUT.delete) return touched;
    const key = encoder.goodKey(segment, newTuple, old);
    const message = this.#hold(encoder, segment, start, end);
    const row = { signature: signatureOf(segment, newTuple, old), message, encoder };
    this.#of(key, encoder, at.relationOid).rows.push(row);
    if (key !== null) touched.push(key);
    return touched;
  }

  /** No row of the table is left. */
  truncate(relationOid: number): void {
    const prefix = `${relationOid}/`;
    for (const [name, change] of this.#changes) {
      if (!name.startsWith(prefix)) continue;
      change.rows.length = 0;
      change.ended = true;
    }
  }

  /** What the transaction has made of the next key, in the order in which they were first touched; null at the end. */
  shift(): NetChange | null {
    for (const [name, change] of this.#changes) {
      this.#changes.delete(name);
      const { key, encoder, ended, before } = change;
      const row = change.rows.at(-1);
      if (row !== undefined)
        return { op: ended ? 'u' : 'c', key, encoder: row.encoder, message: row.message, before };
      if (ended) return { op: 'd', key, encoder, message: null, before };
    }
    this.#bytes = 0;
    return null;
  }

  #hold(encoder: RowEncoder, segment: Buffer, start: number, end: number): Buffer {
    const message = Buffer.from(segment.subarray(start, end));
    this.#bytes += message.length;
    if (this.#bytes > this.#bytesMax) throw this.#tooLarge(encoder);
    return message;
  }

  #of(key: Buffer | null, encoder: RowEncoder, relationOid: number): KeyChange {
    const text = key === null ? `?${this.#keyless++}` : keyText(key, FRAME_BYTES);
    const name = `${relationOid}/${text}`;
    let change = this.#changes.get(name);
    if (change === undefined) {
      // The encoder's memory is used again, maybe before the transaction ends.
      change = { key: key && Buffer.from(key), encoder, rows: [], ended: false, before: null };
      this.#changes.set(name, change);
    }
    return change;
  }

  #tooLarge({ schema: { schema, table } }: RowEncoder): Failure {
    return new Failure(
      'source.deferred_key_too_large',
      'stop',
      `one transaction changed more than ${this.#bytesMax} bytes of rows in tables with deferrable keys, the last in ${schema}.${table}`,
      {
        fix: `start with a larger --deferred-key-bytes-max (bytes, held in memory), or make the primary key of ${schema}.${table} NOT DEFERRABLE`,
      },
    );
  }
}

/** A row of another shape than `encoder`'s came before the table was altered: it is told by its key alone. */
function leave(change: KeyChange, encoder: RowEncoder, signature: string): void {
  const { rows } = change;
  let i = rows.findIndex((row) => row.signature === signature);
  if (i < 0) i = rows.findIndex((row) => row.encoder !== encoder);
  if (i < 0) change.ended = true;
  else rows.splice(i, 1);
}

/** Equal for equal rows. Out-of-line values that did not change stand in the old row. */
function signatureOf(source: Buffer, row: Tuple, old: Tuple | null): string {
  const hash = createHash('sha256');
  const head = Buffer.alloc(5);
  for (let i = 0; i < row.count; i++) {
    const from = row.kinds[i] === CELL.unchanged && old !== null ? old : row;
    const start = from.starts[i] ?? 0;
    const stop = from.kinds[i] === CELL.text ? (from.ends[i] ?? start) : start;
    head[0] = from.kinds[i] ?? 0;
    head.writeInt32BE(stop - start, 1);
    hash.update(head).update(source.subarray(start, stop));
  }
  return hash.digest('base64');
}
