import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../../infra/process/clock.ts';
import { lastError } from '../log-error.ts';
import { type ProcessSlot, flagsOf, processSlot } from '../process-slot.ts';
import { BANK_TABLE_NAMES } from './bank.ts';
import type { Mirror } from './mirror.ts';
import { SESSION_TIMEOUT_MS } from './tpcb-faults.ts';

const PROGRAM = fileURLToPath(new URL('../../../connectors/postgres-sink/main.ts', import.meta.url));
/** So few that what was committed together arrives in several transactions, the more so after a pause. */
const BATCH_ROWS = 50;
/** How a process may end that was asked to: one that is still starting has no handler of signals yet. */
const IN_ORDER = ['exit code 0', 'SIGTERM', 'SIGKILL', 'was not started'];

export interface SinkFleetOptions {
  readonly mirror: Mirror;
  readonly folder: string;
  /** Where Kafka, the registry and the target are, as flags of the sink. */
  readonly place: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** The processes of one sink: the first has a name in its group, a second without one joins and leaves. */
export class SinkFleet {
  /** What went wrong with processes, one line each. */
  readonly problems: string[] = [];
  readonly #options: SinkFleetOptions;
  readonly #first: ProcessSlot;
  readonly #second: ProcessSlot;
  #isDoubled = false;

  constructor(options: SinkFleetOptions) {
    this.#options = options;
    this.#first = this.#slot(1, { instance: 'first' });
    this.#second = this.#slot(2, {});
  }

  get isDoubled(): boolean {
    return this.#isDoubled;
  }

  start(): void {
    this.#first.start();
  }

  /** A second instance joins. */
  double(): void {
    this.#isDoubled = true;
    this.#second.start();
  }

  /** The second instance leaves. */
  async undouble(): Promise<void> {
    this.#isDoubled = false;
    await this.#drain(this.#second);
  }

  /** The second instance where it runs and is asked for, else the first. */
  async kill(second: boolean): Promise<() => void> {
    const slot = this.#chosen(second);
    await slot.kill();
    return () => {
      if (slot === this.#first || this.#isDoubled) slot.start();
    };
  }

  /** @returns what wakes it up */
  pause(second: boolean): () => void {
    const slot = this.#chosen(second);
    slot.freeze();
    return () => slot.thaw();
  }

  /** Another process takes the first one's name and place while that one sleeps. @returns what wakes the old one up */
  replace(): () => void {
    return this.#first.overtake();
  }

  /** Ends all in order, or else it is a problem. */
  async drain(): Promise<void> {
    this.#isDoubled = false;
    await Promise.all([this.#drain(this.#first), this.#drain(this.#second)]);
  }

  #chosen(second: boolean): ProcessSlot {
    return second && this.#isDoubled ? this.#second : this.#first;
  }

  async #drain(slot: ProcessSlot): Promise<void> {
    // One that sleeps hears no signal.
    slot.thaw();
    const how = await slot.drain();
    if (!IN_ORDER.includes(how)) this.#problem(`did not end in order: ${how}`);
  }

  #slot(number: number, name: Readonly<Record<string, string>>): ProcessSlot {
    const { mirror, folder, place, clock } = this.#options;
    const logFile = join(folder, `sink-${mirror.name}-${number}.log`);
    const args = flagsOf({
      ...place,
      ...name,
      sinkName: mirror.name,
      tables: BANK_TABLE_NAMES.map((table) => `public.${table}=${mirror.name}.${table}`).join(','),
      metaColumns: String(mirror.metaColumns),
      batchRows: BATCH_ROWS,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
    });
    const onEnd = (how: string): void =>
      this.#problem(`ended by itself (${how}): ${lastError(logFile).reason}`);
    return processSlot({ program: PROGRAM, args: () => args, logFile, clock, onEnd });
  }

  #problem(what: string): void {
    const problem = `an instance of the sink ${this.#options.mirror.name} ${what}`;
    this.#options.say(problem);
    this.problems.push(problem);
  }
}
