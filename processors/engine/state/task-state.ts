import type { PlanStore } from '../plan/plan.ts';
import { openStores } from './open-stores.ts';
import type { StateStore } from './store.ts';

/** What a task's stores hold: everything before these offsets, and nothing else. */
export interface Checkpoint {
  /** Next offset of each store's changelog, by the store's name. */
  readonly changelogs: Readonly<Record<string, number>>;
  /** Next offset of each input, by its topic; empty while a restore is under way. */
  readonly inputs: Readonly<Record<string, number>>;
  /** When it was taken, milliseconds. */
  readonly time: number;
}

/** The stores of one task, committed together. */
export interface TaskState {
  readonly stores: ReadonlyMap<string, StateStore>;
  /** What the stores held when they were opened, or why they were empty. */
  readonly found: Checkpoint | string;
  /**
   * Ends the staging of all stores: their writes and the checkpoint are kept together or not at all. To be called when the
   * changelogs have the writes. Without `durable` a loss of power may take it back, a crash of the process may not.
   */
  commit(checkpoint: Checkpoint, durable: boolean): Promise<void>;
  /**
   * Reads what stores on disk have of keys that records on their way have: a store reads one key at a time, and stands
   * still meanwhile, where this reads many beside the records before them. @throws Failure `engine.state_damaged` (restart)
   */
  readAhead?(keys: readonly Buffer[]): Promise<void>;
  /** Gives up what is staged. The stores must not be used again. */
  close(): Promise<void>;
}

/** Where the tasks of a process have their state. Closes what is still open when it is disposed of. */
export interface StateHome extends AsyncDisposable {
  /** Whether what has been closed is there when it is opened again. */
  readonly isLasting: boolean;
  /** @throws Failure `engine.state_locked` (retry), `engine.state_unusable` (stop) */
  open(task: string, stores: readonly PlanStore[]): Promise<TaskState>;
  /** Opens a task's state without what is there, which is deleted. @throws Failure as {@link open} */
  openEmpty(task: string, stores: readonly PlanStore[]): Promise<TaskState>;
  /** Deletes the state of tasks that have not been open for a while. */
  clean(): Promise<void>;
}

/** State that ends with its task. */
export function memoryHome(): StateHome {
  const open = (_: string, plans: readonly PlanStore[]): Promise<TaskState> => {
    const stores = openStores(plans);
    return Promise.resolve({
      stores,
      found: 'state in memory does not outlive its process',
      commit() {
        for (const store of stores.values()) store.commit();
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    });
  };
  return {
    isLasting: false,
    open,
    openEmpty: open,
    clean: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
