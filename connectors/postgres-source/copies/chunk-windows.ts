import { ChunkWindow } from './chunk-window.ts';
import type { Visibility } from './visibility.ts';
import { sees } from './visibility.ts';

/** Transactions that may be streamed between two chunks. With more the copies begin to keep count anew. */
const STREAMED_MAX = 1_000_000;

/** Prefix of the message that marks a chunk's place in the WAL; its content is the window's id. */
export const CHUNK_MESSAGE = 'millrace.chunk';

/**
 * The windows that are open, and the transactions that were streamed and that a snapshot may still not see. The stream
 * tells what it delivers; whoever copies tables opens windows.
 */
export class ChunkWindows {
  readonly #windows = new Map<number, ChunkWindow>();
  /** Those whose rows no transaction in the stream can make old. */
  readonly #parts = new Set<ChunkWindow>();
  readonly #streamed = new Set<number>();
  /** Per table: how often the stream has announced another shape. */
  readonly #shapes = new Map<number, number>();
  #counting = false;
  #generation = 0;
  #xid = 0;
  #marked: string | null = null;
  #begun = 0;
  #marks = 0;

  /** Transactions of others that the stream has delivered: the marks of chunks are not counted. */
  get delivered(): number {
    return this.#begun - this.#marks;
  }

  /** Changes when the count was begun anew: transactions that run then may have been streamed uncounted. */
  get generation(): number {
    return this.#generation;
  }

  /** Every transaction that is streamed from here on is kept in mind. */
  count(): void {
    if (this.#counting) return;
    this.#counting = true;
    this.#generation++;
  }

  /** No table is being copied. */
  rest(): void {
    this.#counting = false;
    this.#streamed.clear();
  }

  /** Changes when the stream announces another shape of the table. */
  shape(oid: number): number {
    return this.#shapes.get(oid) ?? 0;
  }

  /** The stream announces another shape: what was planned by an earlier one is not good any more. */
  reshape(oid: number): void {
    this.#shapes.set(oid, this.shape(oid) + 1);
    this.of(oid)?.spoil();
  }

  /** `shape`: from before the table's relation was read. */
  open(id: string, oid: number, shape: number): ChunkWindow {
    const window = new ChunkWindow(id, oid, this.#streamed);
    if (shape !== this.shape(oid)) window.spoil();
    this.#windows.set(oid, window);
    return window;
  }

  /** A window of rows that no change in the stream can make old. */
  openPart(id: string, oid: number): ChunkWindow {
    const window = new ChunkWindow(id, oid, []);
    this.#windows.set(oid, window);
    this.#parts.add(window);
    return window;
  }

  /** The window of a table. */
  of(oid: number): ChunkWindow | undefined {
    return this.#windows.size === 0 ? undefined : this.#windows.get(oid);
  }

  close(window: ChunkWindow): void {
    this.#parts.delete(window);
    if (this.#windows.get(window.oid) === window) this.#windows.delete(window.oid);
  }

  /** A transaction begins in the stream. `silent`: some of its changes will not be told. */
  begin(xid: number, silent: boolean): void {
    this.#xid = xid;
    this.#marked = null;
    this.#begun++;
    if (!this.#counting) return;
    this.#streamed.add(xid);
    if (silent) for (const window of this.#windows.values()) if (!this.#parts.has(window)) window.pass(xid);
    if (this.#streamed.size > STREAMED_MAX) this.#startOver();
  }

  /** A change in the transaction that is being read. */
  touch(window: ChunkWindow, key: string, holed: boolean): void {
    window.touch(this.#xid, key, holed);
  }

  /** A chunk's mark was read in this transaction. */
  mark(id: string): void {
    this.#marked = id;
    this.#marks++;
  }

  /** The window whose place in the stream this transaction is. */
  takeMarked(): ChunkWindow | null {
    if (this.#marked === null) return null;
    for (const window of this.#windows.values())
      if (window.id === this.#marked) {
        this.close(window);
        return window;
      }
    return null;
  }

  /** Nothing is published any more: who waits for a window need not. */
  abandon(): void {
    for (const window of this.#windows.values()) window.settle('again');
    this.#windows.clear();
    this.#parts.clear();
  }

  /** What a snapshot sees, every later one sees. */
  forget(snapshot: Visibility): void {
    for (const xid of this.#streamed) if (sees(snapshot, xid)) this.#streamed.delete(xid);
  }

  #startOver(): void {
    this.#streamed.clear();
    this.#generation++;
    for (const window of this.#windows.values()) if (!this.#parts.has(window)) window.spoil();
  }
}
