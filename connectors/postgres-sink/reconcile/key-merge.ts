/** One row of a side, as far as the comparison needs it. */
export interface HashedRow {
  /** Bytes of the key, in hex: strings in key order. */
  readonly key: string;
  /** The key's columns as a person reads them. */
  readonly shown: readonly string[];
  readonly hash: string;
}

/** A row that only the source has, that only the target has, or whose columns differ. */
export type DifferenceKind = 'missing' | 'extra' | 'different';

export interface Difference {
  readonly kind: DifferenceKind;
  readonly key: string;
  readonly shown: readonly string[];
  /** Hash of the source's row, null where it has none. */
  readonly source: string | null;
}

/** Rows in key order, a batch at a time; an empty batch is the end. */
export type NextBatch = () => Promise<readonly HashedRow[]>;

class OrderedRows {
  readonly #next: NextBatch;
  readonly #onDuplicate: (row: HashedRow) => void;
  #batch: readonly HashedRow[] = [];
  #at = 0;
  #before: string | undefined;

  constructor(next: NextBatch, onDuplicate: (row: HashedRow) => void) {
    this.#next = next;
    this.#onDuplicate = onDuplicate;
  }

  /** Undefined: the batch is used up. */
  get head(): HashedRow | undefined {
    return this.#batch[this.#at];
  }

  async fill(): Promise<void> {
    this.#batch = await this.#next();
    this.#at = 0;
    this.#verify();
  }

  take(row: HashedRow): void {
    this.#before = row.key;
    this.#at++;
    this.#verify();
  }

  #verify(): void {
    if (this.head !== undefined && this.head.key === this.#before) this.#onDuplicate(this.head);
  }
}

/**
 * Walks both sides in key order, holding one batch of each.
 * @param onDuplicate must throw: a key that one side has twice names no row
 */
export async function mergeByKey(
  source: NextBatch,
  target: NextBatch,
  onDifference: (difference: Difference) => void,
  onDuplicate: (side: 'source' | 'target', row: HashedRow) => void,
): Promise<void> {
  const left = new OrderedRows(source, (row) => onDuplicate('source', row));
  const right = new OrderedRows(target, (row) => onDuplicate('target', row));
  for (;;) {
    if (left.head === undefined) await left.fill();
    if (right.head === undefined) await right.fill();
    if (left.head === undefined && right.head === undefined) return;
    step(left, right, onDifference);
  }
}

function step(left: OrderedRows, right: OrderedRows, onDifference: (difference: Difference) => void): void {
  const [ours, theirs] = [left.head, right.head];
  if (ours !== undefined && (theirs === undefined || ours.key < theirs.key)) {
    onDifference({ kind: 'missing', key: ours.key, shown: ours.shown, source: ours.hash });
    left.take(ours);
  } else if (theirs !== undefined && (ours === undefined || theirs.key < ours.key)) {
    onDifference({ kind: 'extra', key: theirs.key, shown: theirs.shown, source: null });
    right.take(theirs);
  } else if (ours !== undefined && theirs !== undefined) {
    if (ours.hash !== theirs.hash)
      onDifference({ kind: 'different', key: ours.key, shown: ours.shown, source: ours.hash });
    left.take(ours);
    right.take(theirs);
  }
}
