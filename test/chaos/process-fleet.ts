import type { Clock } from '../../infra/process/clock.ts';
import { lastError } from './log-error.ts';
import { type ProcessSlot, processSlot } from './process-slot.ts';

/** Cuts all connections of a process that has line-cutter.ts. */
const CUT = 'SIGUSR2';
/** How a process may end that was asked to: one that is still starting has no handler of signals yet. */
const IN_ORDER = ['exit code 0', 'SIGTERM', 'SIGKILL', 'was not started'];

export interface FleetOptions {
  /** What they are; each has its number behind it, from 1. */
  readonly name: string;
  readonly size: number;
  readonly program: string;
  /** Of Node itself. */
  readonly nodeArgs?: readonly string[];
  readonly args: (number: number) => readonly string[];
  readonly logFile: (number: number) => string;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** The processes of one group, each in a place of its own. Places are counted from 0. */
export class ProcessFleet {
  /** What went wrong with processes, one line each. */
  readonly problems: string[] = [];
  readonly #slots: readonly ProcessSlot[];
  readonly #options: FleetOptions;
  #wanted: ReadonlySet<number> = new Set();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.size }, (_, i) => this.#slot(i));
  }

  nameOf(slot: number): string {
    return `${this.#options.name} ${slot + 1}`;
  }

  /** The place, or the next one in the ring whose process is to run now. */
  nextWanted(slot: number): number {
    const count = this.#slots.length;
    const places = this.#slots.map((_, i) => (slot + i) % count);
    return places.find((place) => this.#wanted.has(place)) ?? slot;
  }

  /** Starts and drains until `to` run: the `first`, and those that follow it in a ring. */
  async scale(to: number, first = 0): Promise<void> {
    const count = this.#slots.length;
    this.#wanted = new Set(Array.from({ length: to }, (_, i) => (first + i) % count));
    const drains = this.#slots.map(async (slot, i) => {
      if (this.#wanted.has(i)) slot.start();
      else await this.#drain(slot, i);
    });
    await Promise.all(drains);
  }

  /** Kills one; {@link revive} starts it again. */
  async kill(slot: number): Promise<void> {
    await this.#slots[slot]?.kill();
  }

  /** Starts it unless it is not to run now. */
  revive(slot: number): void {
    if (this.#wanted.has(slot)) this.#slots[slot]?.start();
  }

  /** @returns what thaws it again */
  freeze(slot: number): () => void {
    const frozen = this.#slots[slot];
    frozen?.freeze();
    return () => frozen?.thaw();
  }

  /** @returns what wakes the old one up */
  overtake(slot: number): () => void {
    return this.#wanted.has(slot) ? (this.#slots[slot]?.overtake() ?? (() => undefined)) : () => undefined;
  }

  /** Cuts all its connections. */
  cut(slot: number): void {
    this.#slots[slot]?.signal(CUT);
  }

  /** Ends all in order, or else it is a problem. */
  async drain(): Promise<void> {
    await this.scale(0);
  }

  async #drain(slot: ProcessSlot, i: number): Promise<void> {
    // One that is frozen hears no signal.
    slot.thaw();
    const how = await slot.drain();
    if (!IN_ORDER.includes(how)) this.#problem(i, `did not end in order: ${how}`);
  }

  #slot(i: number): ProcessSlot {
    const { program, nodeArgs = [], args, clock } = this.#options;
    const logFile = this.#options.logFile(i + 1);
    const onEnd = (how: string): void => {
      // Its lines were cut before it had a handler of that signal.
      if (how !== CUT) this.#problem(i, `ended by itself (${how}): ${lastError(logFile).reason}`);
    };
    return processSlot({ program, nodeArgs, args: () => args(i + 1), logFile, clock, onEnd });
  }

  #problem(i: number, what: string): void {
    const problem = `${this.nameOf(i)} ${what}`;
    this.#options.say(problem);
    this.problems.push(problem);
  }
}
