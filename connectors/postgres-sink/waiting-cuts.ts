import {
  type CutOrigin,
  type ProgressCut,
  claimedOffsets,
  decodeCutOrigin,
  decodeProgress,
} from '../../schemas/progress.ts';
import type { TopicCut } from './progress-table.ts';

/** Cuts of one topic and origin that wait for its rows. Of more, the oldest are kept, since they are nearest, and the newest. */
const WAITING_MAX = 64;

/** What has been said about one topic under one key. */
interface Track {
  readonly key: string;
  readonly topic: string;
  /** In order of LSN, all above {@link recorded}. */
  waiting: TopicCut[];
  recorded: bigint;
}

/** The cuts that name a sink's topics, until the sink has come to them. */
export class WaitingCuts {
  readonly #topics: readonly string[];
  /** By key and topic. */
  readonly #tracks = new Map<string, Track>();
  readonly #newest = new Map<string, bigint>();

  constructor(topics: Iterable<string>) {
    this.#topics = [...topics];
  }

  /** By source, the LSN that it has come to. */
  get newest(): ReadonlyMap<string, bigint> {
    return this.#newest;
  }

  /** Takes a record of a progress topic. Resolves with the origin that takes back what it has said, else null. */
  receive(key: Buffer, value: Buffer | null): CutOrigin | null {
    const origin = decodeCutOrigin(key);
    if (value === null) {
      for (const [name, track] of this.#tracks) if (track.key === key.toString()) this.#tracks.delete(name);
      return origin;
    }
    const cut = decodeProgress(value);
    const offsets = claimedOffsets(cut);
    if (origin.writer === null) this.#newest.set(origin.source, cut.endLsn);
    for (const topic of this.#topics) this.#add(topic, key.toString(), origin, { ...cut, offsets });
    return null;
  }

  /** Of each topic and origin the newest cut that the offsets have passed, as far as they are known. */
  passed(offsetOf: (topic: string, partition: number) => number | undefined): readonly TopicCut[] {
    return [...this.#tracks.values()].flatMap(({ waiting }) => {
      const cut = waiting.findLast(({ topic, ends }) => isPassed(topic, ends, offsetOf));
      return cut === undefined ? [] : [cut];
    });
  }

  /** To be called when they are in the target. */
  recorded(cuts: readonly TopicCut[]): void {
    for (const { topic, origin, lsn } of cuts)
      for (const track of this.#tracks.values()) {
        const [sample] = track.waiting;
        if (track.topic !== topic || sample === undefined) continue;
        if (sample.origin.writer !== origin.writer || sample.origin.source !== origin.source) continue;
        track.recorded = lsn;
        track.waiting = track.waiting.filter((waiting) => waiting.lsn > lsn);
      }
  }

  /** Of what is recorded nothing is known any more: the target may have lost its last commits. */
  forgetRecorded(): void {
    this.#tracks.clear();
  }

  #add(topic: string, key: string, origin: CutOrigin, cut: ProgressCut): void {
    const ends = cut.offsets[topic];
    if (ends === undefined) return;
    const name = JSON.stringify([key, topic]);
    const track = this.#tracks.get(name) ?? { key, topic, waiting: [], recorded: -1n };
    this.#tracks.set(name, track);
    if (cut.endLsn <= (track.waiting.at(-1)?.lsn ?? track.recorded)) return;
    if (track.waiting.length === WAITING_MAX) track.waiting.pop();
    track.waiting.push({ topic, origin, lsn: cut.endLsn, commitTs: cut.commitTs, ends });
  }
}

/** Partitions of other instances are theirs to know; at least one has to be known here. */
function isPassed(
  topic: string,
  ends: readonly number[],
  offsetOf: (topic: string, partition: number) => number | undefined,
): boolean {
  let isOwn = false;
  for (const [partition, end] of ends.entries()) {
    const offset = offsetOf(topic, partition);
    if (offset === undefined) continue;
    if (offset < end) return false;
    isOwn = true;
  }
  return isOwn;
}
