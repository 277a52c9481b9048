import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, hasPassed } from '../../../infra/process/clock.ts';
import { Failure, describe } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { PlanStore } from '../plan/plan.ts';
import { DiskTaskState } from './disk-task-state.ts';
import { damageOf, lastUse, openLevel } from './level-database.ts';
import { LevelMaps } from './level-maps.ts';
import type { StateHome, TaskState } from './task-state.ts';

/** Beside the tasks' directories. */
const MAPS_FOLDER = 'level-maps';
/** Longest wait for them in a new directory, where a thousand files are made. On a disk with no other work it takes one second. */
const MAPS_WAIT_MS = 5_000;

export interface DiskHomeOptions {
  /** Directory of this instance of the application alone; made where it is missing. */
  readonly path: string;
  /** Milliseconds for which the state of a task that has gone away is kept, in case that the task comes back. */
  readonly cleanupDelayMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** State in one LevelDB for each task. LevelDB's own lock keeps two processes apart; the kernel takes it from the dead. */
export class DiskHome implements StateHome {
  readonly isLasting = true;
  readonly #options: DiskHomeOptions;
  /** The last opening of each task, closed or not. */
  readonly #states = new Map<string, DiskTaskState>();
  #maps: Promise<LevelMaps | null> | null = null;

  constructor(options: DiskHomeOptions) {
    this.#options = options;
  }

  async open(task: string, plans: readonly PlanStore[]): Promise<TaskState> {
    try {
      return await this.#open(task, plans);
    } catch (error) {
      if (error instanceof Failure && error.code === 'engine.state_locked') throw error;
      return await this.#openEmpty(task, plans, describe(error));
    }
  }

  async openEmpty(task: string, plans: readonly PlanStore[]): Promise<TaskState> {
    return await this.#openEmpty(task, plans, 'it was deleted');
  }

  /** What cannot be deleted now is tried again at the next call. */
  async clean(): Promise<void> {
    const { path, cleanupDelayMs, clock, log } = this.#options;
    for (const task of await readdir(path).catch(() => [])) {
      if (task === MAPS_FOLDER || this.#states.get(task)?.isOpen) continue;
      const place = join(path, task);
      try {
        if (!hasPassed(clock.now(), await lastUse(place), cleanupDelayMs)) continue;
        await rm(place, { recursive: true, force: true });
        log.info({ task }, 'deleted the state of a task that has not come back');
      } catch (error) {
        log.warn(
          { task, err: error },
          `the state of a task that has gone is not deleted: ${describe(error)}`,
        );
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const state of this.#states.values()) await state.close();
    const maps = await this.#maps;
    this.#maps = null;
    await maps?.[Symbol.asyncDispose]();
  }

  /** Before any state is opened: tables that are opened earlier are mapped for as long as they last. */
  async #takeMaps(): Promise<LevelMaps | null> {
    const { path, clock, log } = this.#options;
    const onError = (error: unknown): void => {
      log.warn({ err: error }, `state larger than memory will be slow to read: ${describe(error)}`);
    };
    try {
      const maps = await LevelMaps.open(join(path, MAPS_FOLDER), onError);
      const taken = new AbortController();
      await Promise.race([maps.taken(), clock.sleep(MAPS_WAIT_MS, taken.signal)]).catch(() => undefined);
      taken.abort();
      return maps;
    } catch (error) {
      onError(error);
      return null;
    }
  }

  async #open(task: string, plans: readonly PlanStore[], why?: string): Promise<TaskState> {
    const place = join(this.#options.path, task);
    await this.#states.get(task)?.close();
    await (this.#maps ??= this.#takeMaps());
    // Values of the database lie there: for this user alone.
    await mkdir(place, { recursive: true, mode: 0o700 });
    // Before it is opened its log file is that of its last life, which may have found damage as it went.
    const before = await damageOf(place);
    const database = await openLevel(place);
    try {
      const damage = before ?? (await damageOf(place));
      if (damage !== null) throw new Failure('engine.state_damaged', 'restart', damage);
      const state = await DiskTaskState.load(database, plans, why);
      this.#states.set(task, state);
      return state;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  async #openEmpty(task: string, plans: readonly PlanStore[], why: string): Promise<TaskState> {
    const place = join(this.#options.path, task);
    try {
      await this.#states.get(task)?.close();
      await rm(place, { recursive: true, force: true });
      return await this.#open(task, plans, why);
    } catch (error) {
      if (error instanceof Failure && error.code === 'engine.state_locked') throw error;
      throw new Failure('engine.state_unusable', 'stop', `no state can be kept in ${place}`, {
        cause: error,
        fix: 'see to room and rights there, or name another directory: --state-dir',
      });
    }
  }
}
