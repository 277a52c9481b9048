import type { WindowEntry } from './store.ts';
import { ValueArena } from './value-arena.ts';

/** Where the committed values of a store are. */
export interface ValueHome {
  /** The committed value of an entry; it may keep it in `held`. */
  load(entry: HeldValue): Buffer;
  /** Told which entries hold a value that it is to have as well, and may take from them, and which are gone. */
  committed(entries: Iterable<HeldValue>, gone: Iterable<HeldValue>): void;
}

/** An entry whose value is with it, or only in its home. */
export interface HeldValue extends Omit<WindowEntry, 'value'> {
  held: Buffer | null;
  /** The home's own note of where the committed value is; -1 while there is none. */
  place: number;
}

/** Committed values in memory, many to a piece of it. */
export class ArenaHome implements ValueHome {
  readonly #values = new ValueArena();

  /** Memory that it has taken, bytes. */
  get bytes(): number {
    return this.#values.bytes;
  }

  load({ place }: HeldValue): Buffer {
    return this.#values.get(place);
  }

  committed(entries: Iterable<HeldValue>, gone: Iterable<HeldValue>): void {
    for (const entry of entries) {
      if (entry.held === null) continue;
      if (entry.place >= 0) this.#values.release(entry.place);
      entry.place = this.#values.add(entry.held);
      entry.held = null;
    }
    for (const { place } of gone) if (place >= 0) this.#values.release(place);
    this.#values.compact();
  }
}
