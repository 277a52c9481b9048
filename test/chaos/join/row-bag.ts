/** How many rows of a difference are told. */
const EXAMPLES_MAX = 10;

export type Value = string | number | bigint | null;

/** A row as text: the values of its key and of itself in the order of their schemas. */
export function rowText(key: readonly Value[], value: readonly Value[]): string {
  const texts = (values: readonly Value[]): string => values.map(String).join(', ');
  return `(${texts(key)}) = (${texts(value)})`;
}

export interface RowDifference {
  readonly missing: number;
  readonly extra: number;
  /** The first of each kind, for a person. */
  readonly examples: readonly string[];
}

/** Rows, each as often as it was added. */
export class RowBag {
  readonly #counts = new Map<string, number>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(row: string): void {
    this.#size++;
    this.#counts.set(row, this.of(row) + 1);
  }

  of(row: string): number {
    return this.#counts.get(row) ?? 0;
  }

  /** What it takes to make `found` of this bag. A row with another value is one missing and one extra. */
  difference(found: RowBag): RowDifference {
    const missing = this.#without(found);
    const extra = found.#without(this);
    const told = (kind: string, rows: ReadonlyMap<string, number>): string[] =>
      [...rows]
        .slice(0, EXAMPLES_MAX)
        .map(([row, count]) => `${kind}: ${row}${count > 1 ? ` x ${count}` : ''}`);
    return {
      missing: total(missing),
      extra: total(extra),
      examples: [...told('missing', missing), ...told('extra', extra)],
    };
  }

  #without(other: RowBag): Map<string, number> {
    const left = new Map<string, number>();
    for (const [row, count] of this.#counts) if (count > other.of(row)) left.set(row, count - other.of(row));
    return left;
  }
}

/** One row for each item. */
export function bagOf<T>(items: Iterable<T>, text: (item: T) => string): RowBag {
  const bag = new RowBag();
  for (const item of items) bag.add(text(item));
  return bag;
}

const total = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((sum, count) => sum + count, 0);
