import type { ChunkRows } from './chunk-rows.ts';
import type { TableCopy } from './copy-state.ts';
import type { Relation } from '../changes/relation.ts';
import { type Visibility, sees } from './visibility.ts';

/** Changes that are remembered while a chunk's snapshot is not known yet. */
const TOUCHES_MAX = 100_000;

/** Rows of one table, read in one snapshot. */
export interface Chunk {
  readonly relation: Relation;
  /** Named by the bytes of the key. A row that the stream knows better is taken out. */
  readonly rows: ChunkRows;
  /** The copy that the chunk goes on with. */
  readonly from: TableCopy;
  /** The copy behind this chunk, and whether it is the last. */
  readonly next: TableCopy;
  readonly last: boolean;
}

/** What became of a window: its chunk is with the batcher, or has to be read again. */
export type Verdict = 'published' | 'again';

interface Touch {
  readonly xid: number;
  readonly key: string;
  readonly holed: boolean;
}

/** The text that a key has in a window: its bytes behind the frame. Schema ids may differ, keys must not. */
export function keyText(framedKey: Buffer, frameBytes: number): string {
  return framedKey.toString('latin1', frameBytes);
}

/**
 * The time from before a chunk is read to the chunk's place in the stream, its high watermark: a message in the WAL
 * that is written after the read.
 *
 * What is published at that place must be no older than what was published before it. So a row goes out unless a
 * transaction that the stream has delivered up to there, and that the chunk's snapshot does not see, has touched its
 * key. Such a transaction comes after the snapshot; or it committed before and its commit was not visible yet: a commit
 * can be streamed a moment before any SELECT sees it, and minutes before with a synchronous standby that hangs.
 * For transactions that were streamed before the window opened only the xids are known: if the snapshot does not see
 * one of them, the chunk is read again.
 */
export class ChunkWindow {
  readonly id: string;
  readonly oid: number;
  readonly settled: Promise<Verdict>;
  readonly #settle: (verdict: Verdict) => void;
  /** Transactions whose keys are unknown. */
  readonly #before: Set<number>;
  #touches: Touch[] = [];
  #snapshot: Visibility | null = null;
  #chunk: Chunk | null = null;
  #spoiled = false;

  constructor(id: string, oid: number, streamedBefore: Iterable<number>) {
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    this.id = id;
    this.oid = oid;
    this.settled = promise;
    this.#settle = resolve;
    this.#before = new Set(streamedBefore);
  }

  /** What may be published at the high watermark; null when the chunk has to be read again. */
  get chunk(): Chunk | null {
    return this.#spoiled ? null : this.#chunk;
  }

  /** The stream delivers a change of a row. `holed`: without values that only the table has. */
  touch(xid: number, key: string, holed: boolean): void {
    if (this.#spoiled) return;
    if (this.#snapshot === null) {
      this.#touches.push({ xid, key, holed });
      if (this.#touches.length > TOUCHES_MAX) this.spoil();
    } else if (!sees(this.#snapshot, xid)) this.#takeOut(key, holed);
  }

  /** The stream delivers a transaction whose keys are not told. */
  pass(xid: number): void {
    if (this.#snapshot === null) this.#before.add(xid);
    else if (!sees(this.#snapshot, xid)) this.spoil();
  }

  /** The chunk was read; its high watermark has not been written yet. */
  read(snapshot: Visibility, chunk: Chunk): void {
    this.#snapshot = snapshot;
    this.#chunk = chunk;
    for (const xid of this.#before) if (!sees(snapshot, xid)) this.spoil();
    for (const { xid, key, holed } of this.#touches) if (!sees(snapshot, xid)) this.#takeOut(key, holed);
    this.#touches = [];
  }

  /** Something happened that no row can be taken out for: TRUNCATE, another shape. */
  spoil(): void {
    this.#spoiled = true;
    this.#touches = [];
    this.#chunk?.rows.clear();
  }

  settle(verdict: Verdict): void {
    this.#settle(verdict);
  }

  /** A change that lacks values cannot stand for the row: the row is read again, when the change is visible. */
  #takeOut(key: string, holed: boolean): void {
    const had = this.#chunk?.rows.delete(key) === true;
    if (had && holed) this.spoil();
  }
}
