import type { ConsumerRecord } from '../../../connectors/kafka/port.ts';
import {
  type CutOrigin,
  type ProgressCut,
  claimedOffsets,
  decodeCutOrigin,
  decodeProgress,
} from '../../../schemas/progress.ts';

interface Said {
  readonly origin: CutOrigin;
  readonly cut: ProgressCut;
}

/** The newest cuts of the source and of other pipelines: what a pipeline's own cuts are made from. */
export class UpstreamCuts {
  readonly #self: string;
  readonly #inputs: readonly string[];
  /** By key. */
  readonly #said = new Map<string, Said>();

  /**
   * @param self application id of the pipeline: its own cuts are none of these
   * @param inputs the topics that it reads and does not write itself
   */
  constructor(self: string, inputs: readonly string[]) {
    this.#self = self;
    this.#inputs = inputs;
  }

  /** Sources that have said anything. */
  get sources(): ReadonlySet<string> {
    return new Set([...this.#said.values()].map(({ origin }) => origin.source));
  }

  receive({ key, value }: Pick<ConsumerRecord, 'key' | 'value'>): void {
    if (key === null) return;
    const origin = decodeCutOrigin(key);
    if (origin.writer === this.#self) return;
    if (value === null) this.#said.delete(key.toString());
    if (value === null) return;
    const cut = decodeProgress(value);
    this.#said.set(key.toString(), {
      origin,
      cut: { ...cut, offsets: claimedOffsets(cut), incomplete: undefined },
    });
  }

  /**
   * The newest cut over all inputs: at the lowest of the LSNs that they are known up to. Null while it cannot be told of an input
   * whether it has anything of this source: then nothing may be claimed.
   */
  cutOf(source: string): ProgressCut | null {
    const said = [...this.#said.values()];
    const own = said.filter(({ origin }) => origin.source === source);
    const offsets: Record<string, readonly number[]> = {};
    let lowest: ProgressCut | null = null;
    for (const topic of this.#inputs) {
      const naming = own.filter(({ cut }) => cut.offsets[topic] !== undefined);
      // A table belongs to one source: another one's has nothing of this.
      const isOfAnother = said.some(
        ({ origin, cut }) => origin.writer === null && cut.offsets[topic] !== undefined,
      );
      if (naming.length === 0 && !isOfAnother) return null;
      offsets[topic] = [];
      for (const { cut } of naming) {
        offsets[topic] = highest(offsets[topic], cut.offsets[topic] ?? []);
        if (lowest === null || cut.endLsn < lowest.endLsn) lowest = cut;
      }
    }
    return lowest === null ? null : { ...lowest, offsets };
  }
}

function highest(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => Math.max(a[i] ?? 0, b[i] ?? 0));
}
