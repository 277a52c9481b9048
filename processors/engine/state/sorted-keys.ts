/** Keys in one piece. A larger one is halved, so that an insertion moves few of them. */
const PIECE_KEYS_MAX = 512;

/** Strings in order of their code units, in pieces: each piece is sorted, none is empty, and they follow each other. */
export class SortedKeys {
  readonly #pieces: string[][] = [];

  constructor(keys: Iterable<string>) {
    const sorted = [...keys].sort();
    for (let i = 0; i < sorted.length; i += PIECE_KEYS_MAX / 2)
      this.#pieces.push(sorted.slice(i, i + PIECE_KEYS_MAX / 2));
  }

  /** Adds a key that is not there yet. */
  add(key: string): void {
    const at = this.#pieceOf(key);
    const piece = this.#pieces[at];
    if (piece === undefined) return void this.#pieces.push([key]);
    piece.splice(lowerBound(piece, key), 0, key);
    if (piece.length > PIECE_KEYS_MAX) this.#pieces.splice(at + 1, 0, piece.splice(PIECE_KEYS_MAX / 2));
  }

  /** Removes a key that is there. */
  delete(key: string): void {
    const at = this.#pieceOf(key);
    const piece = this.#pieces[at] ?? [];
    piece.splice(lowerBound(piece, key), 1);
    if (piece.length === 0) this.#pieces.splice(at, 1);
  }

  /** Keys with `low <= key < high`, in order; a null `high` leaves the end open. */
  *range(low: string, high: string | null): Iterable<string> {
    const first = this.#pieceOf(low);
    for (let at = first; at < this.#pieces.length; at++) {
      const piece = this.#pieces[at] ?? [];
      for (let i = at === first ? lowerBound(piece, low) : 0; i < piece.length; i++) {
        const key = piece[i] ?? '';
        if (high !== null && key >= high) return;
        yield key;
      }
    }
  }

  /** The last piece that begins with the key or before it, else the first one. */
  #pieceOf(key: string): number {
    let low = 0;
    let high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#pieces[middle]?.[0] ?? '') <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Index of the first key that is not less. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
