import { hasPassed } from '../../../infra/process/clock.ts';
import type { Lsn } from '../place/lsn.ts';

const PROBE_INTERVAL_MS = 30_000;
/** A probe that is older than this, while nothing at all moves, means a source that stands still. */
const STALLED_MS = 60_000;

/** `idle`: all that was written is acknowledged. `behind`: it moves. `stalled`: work is pending and nothing moves. */
export type SourcePace = 'idle' | 'behind' | 'stalled';

/**
 * Tells an idle source from one that stands still, by logical messages of our own: what was written before the message
 * is done when the slot acknowledges the message's place. An idle database gives no other sign of life.
 */
export class Probe {
  #sent: { readonly lsn: Lsn; readonly atMs: number } | null = null;
  #askedMs = Number.NEGATIVE_INFINITY;
  #confirmed: Lsn = -1n;
  #commits = -1;
  #movedMs: number;

  constructor(nowMs: number) {
    this.#movedMs = nowMs;
  }

  /** True when a message is to be written; at most one is on its way. */
  due(nowMs: number): boolean {
    return this.#sent === null && hasPassed(nowMs, this.#askedMs, PROBE_INTERVAL_MS);
  }

  /** The message was written at `lsn`. */
  sent(lsn: Lsn, nowMs: number): void {
    this.#sent = { lsn, atMs: nowMs };
    this.#askedMs = nowMs;
  }

  /** Takes in how far the slot is. `commits` counts Kafka transactions: a large source transaction moves only them. */
  saw(confirmed: Lsn, commits: number, nowMs: number): void {
    const isSetBack = nowMs < this.#movedMs;
    if (confirmed > this.#confirmed || commits > this.#commits || isSetBack) this.#movedMs = nowMs;
    if (isSetBack && this.#sent !== null) this.#sent = { ...this.#sent, atMs: nowMs };
    this.#confirmed = confirmed;
    this.#commits = commits;
    if (this.#sent !== null && confirmed >= this.#sent.lsn) this.#sent = null;
  }

  /** Age of the message that is on its way, 0 without one. Never grows on an idle database. */
  lagMs(nowMs: number): number {
    return this.#sent === null ? 0 : Math.max(0, nowMs - this.#sent.atMs);
  }

  pace(nowMs: number): SourcePace {
    if (this.#sent === null) return 'idle';
    return this.lagMs(nowMs) >= STALLED_MS && nowMs - this.#movedMs >= STALLED_MS ? 'stalled' : 'behind';
  }
}
