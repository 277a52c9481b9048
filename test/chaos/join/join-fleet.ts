import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../../infra/process/clock.ts';
import { lastError } from '../log-error.ts';
import { type ProcessSlot, flagsOf, processSlot } from '../process-slot.ts';
import { SESSION_TIMEOUT_MS } from './join-faults.ts';

const PROGRAM = fileURLToPath(new URL('processor/main.ts', import.meta.url));
/**
 * Not sooner: a task that went on from where it should not would find its records gone, which ends its session before
 * it does any harm, and nothing would be seen of it.
 */
const PURGE_MS = 20_000;
/** Cuts all connections of a processor. */
const CUT = 'SIGUSR2';
/** How a process may end that was asked to: one that is still starting has no handler of signals yet. */
const IN_ORDER = ['exit code 0', 'SIGTERM', 'SIGKILL', 'was not started'];

export interface FleetOptions {
  /** Name of the pipeline, and so of the group. */
  readonly pipeline: string;
  readonly processors: number;
  readonly folder: string;
  readonly kafkaBootstrapServers: string;
  readonly schemaRegistryUrl: string;
  readonly topicPrefix: string;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** The processes of one pipeline, each under a name of its own. */
export class JoinFleet {
  /** What went wrong with processes, one line each. */
  readonly problems: string[] = [];
  readonly #slots: readonly ProcessSlot[];
  readonly #options: FleetOptions;
  #wanted: ReadonlySet<number> = new Set();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.processors }, (_, i) => this.#slot(i));
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
  async kill(processor: number): Promise<void> {
    await this.#slots[processor]?.kill();
  }

  /** Starts it unless it is not to run now. */
  revive(processor: number): void {
    if (this.#wanted.has(processor)) this.#slots[processor]?.start();
  }

  /** @returns what thaws it again */
  freeze(processor: number): () => void {
    const slot = this.#slots[processor];
    slot?.freeze();
    return () => slot?.thaw();
  }

  /** @returns what wakes the old one up */
  overtake(processor: number): () => void {
    return this.#wanted.has(processor)
      ? (this.#slots[processor]?.overtake() ?? (() => undefined))
      : () => undefined;
  }

  /** Cuts all its connections. */
  cut(processor: number): void {
    this.#slots[processor]?.signal(CUT);
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
    const { pipeline, folder, clock, topicPrefix, kafkaBootstrapServers, schemaRegistryUrl } = this.#options;
    const logFile = join(folder, `${pipeline}-${i + 1}.log`);
    const args = flagsOf({
      pipeline,
      instance: `p${i + 1}`,
      topicPrefix,
      kafkaBootstrapServers,
      schemaRegistryUrl,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      repartitionPurgeIntervalMs: PURGE_MS,
    });
    const onEnd = (how: string): void => {
      // Its lines were cut before it had a handler of that signal.
      if (how !== CUT) this.#problem(i, `ended by itself (${how}): ${lastError(logFile).reason}`);
    };
    return processSlot({ program: PROGRAM, args: () => args, logFile, clock, onEnd });
  }

  #problem(i: number, what: string): void {
    const problem = `processor ${i + 1} of ${this.#options.pipeline} ${what}`;
    this.#options.say(problem);
    this.problems.push(problem);
  }
}
