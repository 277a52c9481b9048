import type { Client } from 'pg';
import { must } from '../../infra/process/assert.ts';
import { Failure } from '../../infra/process/failure.ts';
import type { Assignment, GroupListener, Kafka, TopicPartition } from '../kafka/port.ts';
import type { Slice } from './inbox.ts';
import { type Advance, type HeldPartition, claimPartitions, reclaimPartitions } from './offset-table.ts';

/**
 * Which partitions this sink may write. The consumer group assigns them; the offset table makes it true. `assigned`
 * means that they are not claimed yet, `suspect` that the session they were claimed in is lost.
 */
export class Ownership {
  readonly listener: GroupListener = {
    onAssigned: async (assignment) => this.assign(assignment),
    onRevoked: async () => this.assign(new Map()),
    onLost: async () => this.assign(new Map()),
  };
  readonly #sink: string;
  readonly #kafka: Kafka;
  #state: 'assigned' | 'suspect' | 'held' = 'assigned';
  #assigned: readonly TopicPartition[] = [];
  #held = new Map<string, HeldPartition>();

  constructor(sink: string, kafka: Kafka) {
    this.#sink = sink;
    this.#kafka = kafka;
  }

  get isHeld(): boolean {
    return this.#state === 'held';
  }

  get held(): readonly HeldPartition[] {
    return [...this.#held.values()];
  }

  /** To be called when the session is lost: what was claimed in it must be claimed again before it is used. */
  doubt(): void {
    if (this.#state === 'held') this.#state = 'suspect';
  }

  /**
   * Claims what is assigned, or claims again what a lost session held.
   * @throws Failure `sink.fenced` (fenced), `sink.offset_out_of_log` (stop)
   */
  async take(client: Client): Promise<void> {
    if (this.#state === 'held') return;
    const held =
      this.#state === 'suspect'
        ? await reclaimPartitions(client, this.#sink, this.held)
        : await this.#claim(client);
    this.#held = new Map(held.map((partition) => [nameOf(partition), partition]));
    this.#state = 'held';
  }

  /** The step of each partition that these slices, applied together, make. */
  advancesOf(slices: readonly Slice[]): readonly Advance[] {
    const advances = new Map<string, Advance>();
    for (const slice of slices) {
      const name = nameOf(slice);
      const held = must(this.#held.get(name), `a slice of ${name}, which is not held`);
      advances.set(name, { held, nextOffset: slice.nextOffset });
    }
    return [...advances.values()].sort((a, b) => byPartition(a.held, b.held));
  }

  /** To be called when the advances are committed. */
  advanced(advances: readonly Advance[]): void {
    for (const { held, nextOffset } of advances) this.#held.set(nameOf(held), { ...held, nextOffset });
  }

  /** What is to be claimed next. */
  assign(assignment: Assignment): void {
    const assigned: TopicPartition[] = [];
    for (const [topic, partitions] of assignment)
      for (const partition of partitions) assigned.push({ topic, partition });
    this.#assigned = assigned.sort(byPartition);
    this.#held = new Map();
    this.#state = 'assigned';
  }

  async #claim(client: Client): Promise<readonly HeldPartition[]> {
    const partitions = this.#assigned;
    if (partitions.length === 0) return [];
    const starts = await this.#kafka.listOffsets(partitions, 'earliest');
    const held = await claimPartitions(client, this.#sink, partitions, starts);
    const ends = await this.#kafka.listOffsets(partitions, 'high-watermark');
    const stored = new Map(held.map((partition) => [nameOf(partition), partition.nextOffset]));
    for (const [i, partition] of partitions.entries()) {
      const range = {
        start: must(starts[i], 'one start per partition'),
        end: must(ends[i], 'one end per partition'),
      };
      checkRange(partition, must(stored.get(nameOf(partition)), 'one claim per partition'), range);
    }
    return held;
  }
}

/** Records that are gone, or a topic that began anew, would leave rows behind that nothing corrects. */
function checkRange(partition: TopicPartition, stored: number, log: { start: number; end: number }): void {
  if (stored >= log.start && stored <= log.end) return;
  throw new Failure(
    'sink.offset_out_of_log',
    'stop',
    `${nameOf(partition)} holds the offsets ${log.start} to ${log.end} and the target stands at ${stored}: records were ` +
      'deleted before they were applied, or the topic was created anew',
    { fix: 'fill the tables of this topic from its beginning: millrace rebuild SCHEMA.TABLE' },
  );
}

function nameOf(partition: TopicPartition): string {
  return `${partition.topic}/${partition.partition}`;
}

/** The order in which every sink locks the offset rows. */
function byPartition(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition;
}
