import type { TopicPartition } from '../../../connectors/kafka/port.ts';

/**
 * How far one partition has been read, and what is known about its end. A partition is clear for a record when it has
 * been read up to a high watermark that was listed after that record was received: then everything that was in Kafka
 * before the record has been seen. The source publishes in commit order, so a row that was committed before an event
 * is always seen by the event's join.
 */
export class ReadPosition {
  readonly partition: TopicPartition;
  #position: number;
  /** Poll round after which the high watermark was listed. */
  #listedRound = -1;
  #highWatermark = 0;
  #clearRound = -1;

  constructor(partition: TopicPartition, position: number) {
    this.partition = partition;
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  moveTo(position: number): void {
    this.#position = position;
    if (position >= this.#highWatermark) this.#clearRound = this.#listedRound;
  }

  /** Takes a high watermark that was listed after the poll of `round` had returned. */
  listed(round: number, highWatermark: number): void {
    this.#listedRound = round;
    this.#highWatermark = highWatermark;
    if (this.#position >= highWatermark) this.#clearRound = round;
  }

  /** Whether all that was there when the poll of `round` returned has been read. */
  isClearFor(round: number): boolean {
    return this.#clearRound >= round;
  }

  /** Whether only a new listing can make it clear. Until the last one is reached a newer one would only move the goal. */
  needsListing(round: number): boolean {
    return this.#clearRound < round && this.#clearRound === this.#listedRound;
  }
}
