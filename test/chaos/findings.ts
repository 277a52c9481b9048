const EXAMPLES_MAX = 20;

/** Findings of one kind or another: counted all, told in part. */
export class Findings {
  readonly #counts = new Map<string, number>();
  readonly examples: string[] = [];

  note(kind: string, what: string): void {
    const count = this.of(kind) + 1;
    this.#counts.set(kind, count);
    if (count <= EXAMPLES_MAX) this.examples.push(`${kind}: ${what}`);
  }

  of(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Each kind that was found, with its count. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}
