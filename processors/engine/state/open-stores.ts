import type { PlanStore } from '../plan/plan.ts';
import { memoryKeyValueStore } from './memory-key-value-store.ts';
import { MemoryWindowStore } from './memory-window-store.ts';
import type { StateStore } from './store.ts';

/** Empty stores by name, as the plan wants them. */
export function openStores(plan: readonly PlanStore[]): ReadonlyMap<string, StateStore> {
  return new Map(
    plan.map(({ name, kind }) => [
      name,
      kind === 'window' ? new MemoryWindowStore(name) : memoryKeyValueStore(name),
    ]),
  );
}
