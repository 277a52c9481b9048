import { createHash } from 'node:crypto';
import { Failure } from '../../../infra/process/failure.ts';
import type { PlanStore } from '../plan/plan.ts';
import { DiskKeyValueStore } from './disk-key-value-store.ts';
import { type DiskStore, prefixed, storePrefix } from './disk-store.ts';
import { DiskWindowStore } from './disk-window-store.ts';
import type { LevelDatabase } from './level-database.ts';
import type { Checkpoint, TaskState } from './task-state.ts';

/** To be raised when keys, values or the head are written in another way: what is on disk is then built again. */
const FORMAT_VERSION = 1;
/** Store number 0 belongs to no store. */
const HEAD_KEY = prefixed(storePrefix(0), Buffer.from('head'));

/** What lies beside the stores, in the same batch as each change to them. */
interface Head {
  readonly format: number;
  /** Tells plans of stores apart. */
  readonly layout: string;
  /** Entries of each store. */
  readonly entries: Readonly<Record<string, number>>;
  readonly checkpoint: Checkpoint;
}

/** All stores of a task in one LevelDB: one batch, and one wait for the disk, commits them together. */
export class DiskTaskState implements TaskState {
  readonly stores: ReadonlyMap<string, DiskStore>;
  readonly found: Checkpoint | string;
  readonly #database: LevelDatabase;
  readonly #layout: string;
  #isOpen = true;

  private constructor(
    database: LevelDatabase,
    layout: string,
    stores: ReadonlyMap<string, DiskStore>,
    found: Checkpoint | string,
  ) {
    this.#database = database;
    this.#layout = layout;
    this.stores = stores;
    this.found = found;
  }

  /**
   * Takes up what the database holds. `why` says of an empty one why it is empty.
   * @throws Failure `engine.state_outdated` (restart) of one that this version or plan cannot use
   */
  static async load(
    database: LevelDatabase,
    plans: readonly PlanStore[],
    why = 'there is none',
  ): Promise<DiskTaskState> {
    const stores = new Map(plans.map((plan, i) => [plan.name, openStore(plan, database, i + 1)]));
    const layout = layoutOf(plans);
    const head = readHead(database);
    if (head === null) return new DiskTaskState(database, layout, stores, why);
    if (head.format !== FORMAT_VERSION)
      throw outdated(`it has the format ${head.format}, not ${FORMAT_VERSION}`);
    if (head.layout !== layout) throw outdated(`it is of other stores: ${head.layout}, now ${layout}`);
    for (const [name, store] of stores) await store.load(head.entries[name] ?? 0);
    return new DiskTaskState(database, layout, stores, head.checkpoint);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  async commit(checkpoint: Checkpoint, durable: boolean): Promise<void> {
    const stores = [...this.stores.values()];
    // Input offsets alone are not worth a wait for the disk: what is there is still true.
    if (durable && stores.every((store) => store.stagedEntries === 0)) return;
    const entries = Object.fromEntries(stores.map((store) => [store.name, store.entries]));
    const head: Head = { format: FORMAT_VERSION, layout: this.#layout, entries, checkpoint };
    await this.#database.write((batch) => {
      for (const store of stores) store.write(batch);
      batch.put(HEAD_KEY, Buffer.from(JSON.stringify(head)));
    }, durable);
    for (const store of stores) store.commit();
  }

  async readAhead(keys: readonly Buffer[]): Promise<void> {
    // A database that was closed meanwhile would look damaged.
    for (const store of this.stores.values()) if (this.#isOpen) await store.readAhead?.(keys);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#database.close();
  }
}

function openStore(plan: PlanStore, database: LevelDatabase, number: number): DiskStore {
  if (plan.kind === 'window') return new DiskWindowStore(plan.name, database, number);
  return new DiskKeyValueStore(plan.name, database, number, plan.scanned === true);
}

/** Equal for plans whose stores have equal numbers and mean the same by equal bytes. */
function layoutOf(plans: readonly PlanStore[]): string {
  const stores = plans.map(({ name, kind, key, value }) => [name, kind, key, value]);
  return createHash('sha256').update(JSON.stringify(stores)).digest('hex').slice(0, 16);
}

const outdated = (message: string): Failure => new Failure('engine.state_outdated', 'restart', message);

function readHead(database: LevelDatabase): Head | null {
  const bytes = database.get(HEAD_KEY);
  return bytes === null ? null : (JSON.parse(bytes.toString()) as Head);
}
