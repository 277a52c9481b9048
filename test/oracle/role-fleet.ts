import { join } from 'node:path';
import type { Clock } from '../../infra/process/clock.ts';
import { lastError } from '../chaos/log-error.ts';
import { type ProcessSlot, flagsOf, processSlot } from '../chaos/process-slot.ts';

/** How a process may end that was asked to: one that is still starting has no handler of signals yet. */
const IN_ORDER = ['exit code 0', 'SIGTERM', 'SIGKILL', 'was not started'];

export interface Role {
  /** Of this process, and of its log. */
  readonly name: string;
  readonly program: string;
  readonly flags: Readonly<Record<string, string | number>>;
}

export interface RoleFleetOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** Processes side by side, each started again when it ends. */
export class RoleFleet {
  /** What went wrong, one line each. */
  readonly problems: string[] = [];
  readonly #roles: readonly Role[];
  readonly #slots: readonly ProcessSlot[];
  readonly #say: (line: string) => void;

  constructor(roles: readonly Role[], { folder, clock, say }: RoleFleetOptions) {
    this.#roles = roles;
    this.#say = say;
    this.#slots = roles.map(({ name, program, flags }) => {
      const logFile = join(folder, `${name}.log`);
      const args = flagsOf(flags);
      const onEnd = (how: string): void =>
        this.#problem(`${name} ended by itself (${how}): ${lastError(logFile).reason}`);
      return processSlot({ program, args: () => args, logFile, clock, onEnd });
    });
  }

  start(): void {
    for (const slot of this.#slots) slot.start();
  }

  /** @param which uniform in [0, 1) */
  choose(which: number): { readonly name: string; readonly slot: ProcessSlot } {
    const index = Math.floor(which * this.#slots.length);
    const [role, slot] = [this.#roles[index], this.#slots[index]];
    if (role === undefined || slot === undefined) throw new RangeError(`${which} chooses no process`);
    return { name: role.name, slot };
  }

  /** Ends all in order, or else it is a problem. */
  async drain(): Promise<void> {
    const drains = this.#slots.map(async (slot, i) => {
      slot.thaw();
      const how = await slot.drain();
      if (!IN_ORDER.includes(how)) this.#problem(`${this.#roles[i]?.name} did not end in order: ${how}`);
    });
    await Promise.all(drains);
  }

  async kill(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.kill()));
  }

  #problem(what: string): void {
    this.#say(what);
    this.problems.push(what);
  }
}
