/** One row of a chunk: a DataRow's body in the segment that brought it. */
export interface ChunkRow {
  readonly segment: Buffer;
  readonly at: number;
}

/** The rows of a chunk. Their keys are asked for when the stream touches one: of most chunks it touches none. */
export class ChunkRows {
  #rows: readonly ChunkRow[];
  readonly #keyOf: (row: ChunkRow, place: number) => string;
  #byKey: Map<string, ChunkRow> | null = null;

  /** `keyOf`: unlike that of any other row. */
  constructor(rows: readonly ChunkRow[], keyOf: (row: ChunkRow, place: number) => string) {
    this.#rows = rows;
    this.#keyOf = keyOf;
  }

  /** True when there was a row with this key. */
  delete(key: string): boolean {
    this.#byKey ??= new Map(this.#rows.map((row, place) => [this.#keyOf(row, place), row]));
    return this.#byKey.delete(key);
  }

  clear(): void {
    this.#rows = [];
    this.#byKey = null;
  }

  /** In the order in which they were read. */
  values(): Iterable<ChunkRow> {
    return this.#byKey?.values() ?? this.#rows;
  }
}
