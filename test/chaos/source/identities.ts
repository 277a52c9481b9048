import type { Findings } from '../findings.ts';

/**
 * Every identity `(lsn, seq)` that was seen, over all topics. It belongs to one change, and so to one record; only a
 * change of the key has two, the tombstone of the old key and the row under the new one, in one topic.
 */
export class Identities {
  readonly #rows = new Map<string, string>();
  readonly #tombstones = new Map<string, string>();
  readonly #findings: Findings;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  add(topic: string, place: string, lsn: bigint, seq: bigint, isTombstone: boolean): void {
    const identity = `${lsn}/${seq}`;
    const same = isTombstone ? this.#tombstones : this.#rows;
    const other = isTombstone ? this.#rows : this.#tombstones;
    const where = `${topic} ${place}`;
    const earlier =
      same.get(identity) ??
      (other.get(identity)?.startsWith(`${topic} `) === false ? other.get(identity) : undefined);
    if (earlier !== undefined)
      this.#findings.note('duplicated', `(lsn, seq) ${identity} at ${earlier} and at ${where}`);
    same.set(identity, where);
  }
}
