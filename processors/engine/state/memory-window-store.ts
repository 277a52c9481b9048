import type { StoreChange, WindowEntry, WindowStore } from './store.ts';
import { TIME_BYTES, readTime, writeTime } from './time-bytes.ts';
import { ArenaHome, type HeldValue, type ValueHome } from './value-home.ts';
import { CLOCK_KEY, parseWindowKey, windowKey } from './window-key.ts';

/** Stands for the value of an entry from before it was written to, where only the home has it. */
const AT_HOME = 'at home';

/** Its key is a latin1 string, which entries of one key share: a Buffer for each would be most of an index on its own. */
class Slot implements WindowEntry, HeldValue {
  id: string;
  readonly time: number;
  readonly seq: number;
  held: Buffer | null;
  place = -1;
  /** Removed entries stay in the log until a commit clears them away, so that a rollback finds them. */
  live = false;
  readonly #home: ValueHome;

  constructor(home: ValueHome, { key, time, seq }: Omit<WindowEntry, 'value'>, held: Buffer | null) {
    this.id = text(key);
    this.#home = home;
    this.time = time;
    this.seq = seq;
    this.held = held;
  }

  get key(): Buffer {
    return Buffer.from(this.id, 'latin1');
  }

  get value(): Buffer {
    return this.held ?? this.#home.load(this);
  }
}

/** The log is cleared of removed entries when more than this many of them, and more than half of it, are dead. */
const DEAD_ENTRIES_MAX = 1024;
const SEQ_COUNT = 2 ** 32;

/**
 * A window store in memory: a log in order of time, and for each key its own entries in the same order. Another home for
 * its values may have them elsewhere.
 */
export class MemoryWindowStore implements WindowStore {
  readonly name: string;
  #log: Slot[] = [];
  /** Everything in the log before this place is dead. */
  #head = 0;
  #live = 0;
  #nextSeq = 0;
  readonly #home: ValueHome;
  readonly #byKey = new Map<string, Slot[]>();
  /** Entries written since the last commit, and what they held before it; null of one that was not there. */
  readonly #undo = new Map<Slot, Buffer | typeof AT_HOME | null>();
  #streamTime = Number.NEGATIVE_INFINITY;
  #committedStreamTime = Number.NEGATIVE_INFINITY;

  /** `home` takes over what is committed. Default: one in memory. */
  constructor(name: string, home: ValueHome = new ArenaHome()) {
    this.name = name;
    this.#home = home;
  }

  get entries(): number {
    return this.#live;
  }

  get stagedEntries(): number {
    return this.#undo.size + (this.#streamTime === this.#committedStreamTime ? 0 : 1);
  }

  get streamTime(): number {
    return this.#streamTime;
  }

  advance(time: number): void {
    if (time > this.#streamTime) this.#streamTime = time;
  }

  put(key: Buffer, time: number, value: Buffer, seq = this.#nextSeq): number {
    const slot = new Slot(this.#home, { key, time, seq }, value);
    this.#undo.set(slot, null);
    this.#insert(slot);
    return seq;
  }

  get(key: Buffer, time: number, seq: number): WindowEntry | null {
    return this.#find(key, time, seq);
  }

  replace({ key, time, seq }: WindowEntry, value: Buffer): void {
    const slot = this.#find(key, time, seq);
    if (slot === null) return;
    if (!this.#undo.has(slot)) this.#undo.set(slot, slot.held ?? AT_HOME);
    slot.held = value;
  }

  remove(key: Buffer, time: number, seq: number): void {
    const slot = this.#find(key, time, seq);
    if (slot !== null) this.#kill(slot);
  }

  fetch(key: Buffer, from: number, to: number): readonly WindowEntry[] {
    const slots = this.#byKey.get(text(key));
    if (slots === undefined) return [];
    return slots.slice(lowerBound(slots, from, 0), lowerBound(slots, to, SEQ_COUNT));
  }

  oldest(): WindowEntry | null {
    while (this.#head < this.#log.length) {
      const slot = this.#log[this.#head];
      if (slot?.live) return slot;
      this.#head++;
    }
    return null;
  }

  expire(before: number): void {
    for (let slot = this.oldest(); slot !== null && slot.time < before; slot = this.oldest())
      this.#kill(slot as Slot);
  }

  *staged(): Iterable<StoreChange> {
    for (const [slot, before] of this.#undo) {
      if (slot.live ? slot.held === before : before === null) continue;
      yield { key: windowKey(slot.key, slot.time, slot.seq), value: slot.live ? slot.value : null };
    }
    if (this.#streamTime === this.#committedStreamTime) return;
    const value = Buffer.allocUnsafe(TIME_BYTES);
    writeTime(value, this.#streamTime, 0);
    yield { key: CLOCK_KEY, value };
  }

  commit(): void {
    const written = [...this.#undo.keys()];
    this.#home.committed(
      written.filter((slot) => slot.live),
      written.filter((slot) => !slot.live),
    );
    this.#undo.clear();
    this.#committedStreamTime = this.#streamTime;
    const dead = this.#log.length - this.#live;
    if (dead < DEAD_ENTRIES_MAX || dead < this.#live) return;
    this.#log = this.#log.filter((slot) => slot.live);
    this.#head = 0;
  }

  rollback(): void {
    for (const [slot, before] of this.#undo) {
      if (before !== null) slot.held = before === AT_HOME ? null : before;
      if (slot.live && before === null) this.#unlink(slot);
      else if (!slot.live && before !== null) this.#link(slot);
    }
    this.#undo.clear();
    this.#streamTime = this.#committedStreamTime;
    this.#head = 0;
  }

  restore(key: Buffer, value: Buffer | null): void {
    const parts = parseWindowKey(key);
    if (parts === null) {
      if (value !== null) this.adoptClock(readTime(value, 0));
      return;
    }
    const known = this.#find(parts.key, parts.time, parts.seq);
    if (known !== null) this.#unlink(known);
    const slot = value === null ? null : new Slot(this.#home, parts, value);
    if (slot !== null) this.#insert(slot);
    this.#home.committed(slot === null ? [] : [slot], known === null ? [] : [known]);
  }

  /** Takes up an entry whose value is in the home. Only before the store is used. */
  protected adopt(entry: Omit<WindowEntry, 'value'>): void {
    this.#insert(new Slot(this.#home, entry, null));
  }

  /** Takes up the clock. Only before the store is used. */
  protected adoptClock(time: number): void {
    this.#streamTime = this.#committedStreamTime = time;
  }

  #insert(slot: Slot): void {
    const at = placeInLog(this.#log, slot);
    this.#log.splice(at, 0, slot);
    if (at < this.#head) this.#head = at;
    if (slot.seq >= this.#nextSeq) this.#nextSeq = (slot.seq + 1) % SEQ_COUNT;
    this.#link(slot);
  }

  #kill(slot: Slot): void {
    if (!this.#undo.has(slot)) this.#undo.set(slot, slot.held ?? AT_HOME);
    this.#unlink(slot);
  }

  #link(slot: Slot): void {
    const slots = this.#byKey.get(slot.id);
    if (slots === undefined) this.#byKey.set(slot.id, [slot]);
    else {
      slot.id = slots[0]?.id ?? slot.id;
      slots.splice(lowerBound(slots, slot.time, slot.seq), 0, slot);
    }
    slot.live = true;
    this.#live++;
  }

  #unlink(slot: Slot): void {
    const slots = this.#byKey.get(slot.id) ?? [];
    if (slots.length === 1) this.#byKey.delete(slot.id);
    else slots.splice(slots.indexOf(slot), 1);
    slot.live = false;
    this.#live--;
  }

  #find(key: Buffer, time: number, seq: number): Slot | null {
    const slots = this.#byKey.get(text(key));
    const slot = slots?.[lowerBound(slots, time, seq)];
    return slot !== undefined && slot.time === time && slot.seq === seq ? slot : null;
  }
}

/**
 * Where a new entry goes. Entries that stand for those of several stores may share time and number: their keys decide, so
 * that the order is the same after a restore.
 */
function placeInLog(log: readonly Slot[], slot: Slot): number {
  let at = lowerBound(log, slot.time, slot.seq);
  for (; at < log.length; at++) {
    const next = log[at] as Slot;
    if (next.time !== slot.time || next.seq !== slot.seq || next.id >= slot.id) break;
  }
  return at;
}

/** First place whose entry is not before `(time, seq)`. New entries mostly come last, so look there first. */
function lowerBound(slots: readonly Slot[], time: number, seq: number): number {
  const last = slots[slots.length - 1];
  if (last === undefined || last.time < time || (last.time === time && last.seq < seq)) return slots.length;
  let low = 0;
  let high = slots.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const slot = slots[middle] as Slot;
    if (slot.time < time || (slot.time === time && slot.seq < seq)) low = middle + 1;
    else high = middle;
  }
  return low;
}

const text = (key: Buffer): string => key.toString('latin1');
