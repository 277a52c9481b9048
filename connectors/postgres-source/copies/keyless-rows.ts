import type { ProducerRecord } from '../../kafka/port.ts';
import type { ChunkWindow } from './chunk-window.ts';
import type { CopyBook, CopyState, TableCopy } from './copy-state.ts';
import { type Visibility, sees } from './visibility.ts';

/** Of changes that wait until it is known whether a copy has them: they come within one round trip to the server. */
const HELD_BYTES_MAX = 8 * 1024 * 1024;

interface HeldRecord {
  readonly xid: number;
  readonly record: ProducerRecord;
}

/** The time from before a copy's snapshot is taken to its place in the stream. */
interface Cut {
  readonly window: ChunkWindow;
  snapshot: Visibility | null;
  held: HeldRecord[];
  bytes: number;
}

/**
 * The streamed changes of tables that have no key and are not copied yet. A copy has a row, or the stream has it: without
 * a key nobody can tell the two apart afterwards. So until the copy has its snapshot its table's changes are not
 * published: the snapshot will hold them. From the cut on, which is a mark in the WAL behind the snapshot, they all are.
 * Between the two each change goes by what the snapshot sees; those that wait for the answer are held.
 */
export class KeylessRows {
  readonly #copies: CopyBook;
  readonly #cuts = new Map<number, Cut>();
  /** Tables whose cut has been streamed, each to the topic that it had then. */
  readonly #flowing = new Map<number, string>();
  #state: CopyState | null = null;
  /** Tables whose first copy to their topic is not finished: the topic. */
  #pending = new Map<number, string>();

  constructor(copies: CopyBook) {
    this.#copies = copies;
  }

  /** True for a table of which nobody has said yet whether it has to be copied. */
  unsettled(oid: number): boolean {
    const { state } = this.#copies;
    return !state.copied.includes(oid) && this.#copies.copy(oid) === undefined;
  }

  /** True for a change that is not to be published now: a copy has it, or it is held. */
  withholds(oid: number, xid: number, record: ProducerRecord): boolean {
    this.#look();
    if (!this.#pending.has(oid) || this.#flowing.has(oid)) return false;
    const cut = this.#cuts.get(oid);
    if (cut === undefined || (cut.snapshot !== null && sees(cut.snapshot, xid))) return true;
    const { topic, partition, timestamp, headers = [] } = record;
    // The encoder's record is good until the next row.
    const value = record.value === null ? null : Buffer.from(record.value);
    cut.held.push({ xid, record: { topic, partition, timestamp, key: null, value, headers } });
    cut.bytes += value?.length ?? 0;
    if (cut.bytes > HELD_BYTES_MAX) {
      cut.window.spoil();
      this.#cuts.delete(oid);
    }
    return true;
  }

  /** Before the snapshot is taken. What was published of the table by an earlier attempt is published again. */
  open(window: ChunkWindow): void {
    this.#flowing.delete(window.oid);
    this.#cuts.set(window.oid, { window, snapshot: null, held: [], bytes: 0 });
  }

  /** The snapshot is known; its place in the WAL has not been marked yet. */
  read(window: ChunkWindow, snapshot: Visibility): void {
    const cut = this.#cuts.get(window.oid);
    if (cut?.window !== window) return;
    cut.snapshot = snapshot;
    cut.held = cut.held.filter(({ xid }) => !sees(snapshot, xid));
  }

  /** The window's mark is streamed: what the snapshot did not see, in the order of the stream. */
  release(window: ChunkWindow): readonly ProducerRecord[] {
    const cut = this.#cuts.get(window.oid);
    if (cut?.window !== window) return [];
    this.#cuts.delete(window.oid);
    this.#look();
    const topic = this.#pending.get(window.oid);
    if (topic !== undefined) this.#flowing.set(window.oid, topic);
    return cut.held.map(({ record }) => record);
  }

  /** The attempt has ended; without its cut, the next one's snapshot has what was held. */
  close(window: ChunkWindow): void {
    if (this.#cuts.get(window.oid)?.window === window) this.#cuts.delete(window.oid);
  }

  #look(): void {
    const { state } = this.#copies;
    if (state === this.#state) return;
    this.#state = state;
    this.#pending = new Map();
    for (const copy of state.open)
      if (copy.moved !== undefined || !state.copied.includes(copy.oid))
        this.#pending.set(copy.oid, topicOf(copy));
    for (const [oid, topic] of this.#flowing) if (this.#pending.get(oid) !== topic) this.#flowing.delete(oid);
  }
}

/** Tells one topic of a table from its next: by where it began. */
function topicOf({ moved }: TableCopy): string {
  return moved === undefined ? '' : `${moved.lsn}/${moved.seq}`;
}
