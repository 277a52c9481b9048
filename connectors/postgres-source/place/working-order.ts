/** Tells once that the source does its regular work: the stream goes on, and every first copy is in Kafka. */
export class WorkingOrder {
  readonly #tell: () => void;
  readonly #missing = new Set(['streaming', 'copied']);

  constructor(tell: () => void) {
    this.#tell = tell;
  }

  reach(step: 'streaming' | 'copied'): void {
    if (this.#missing.delete(step) && this.#missing.size === 0) this.#tell();
  }
}
