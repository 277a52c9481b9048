import type { WindowStore } from '../state/store.ts';
import type { InspectedState } from './inspected-state.ts';
import { laidOutStore } from './store-layout.ts';

/** The tasks that run here with their stores, and the global tables. */
export function describeState(state: InspectedState): object {
  const { plan, parts, taskCounts, tasks, globals } = state;
  return {
    pipeline: plan.pipeline,
    tasks: tasks.map(({ id, part, partition, offsets, stores }) => ({
      task: id,
      subTopology: part.id,
      partition,
      offsets,
      stores: [...stores.values()].map(({ name, entries }) => ({ name, entries })),
    })),
    subTopologies: parts.map(({ id, nodes }) => ({
      id,
      taskCount: taskCounts[id] ?? 1,
      operators: nodes.map((node) => node.id),
    })),
    stores: plan.stores.map(({ name, kind }) => {
      const { owner, layout } = laidOutStore(plan, name);
      const holders = tasks.filter((task) => task.stores.has(name));
      return {
        name,
        kind,
        layout,
        operator: owner.id,
        global: globals.has(name),
        entries:
          globals.get(name)?.entries ??
          holders.reduce((sum, task) => sum + (task.stores.get(name)?.entries ?? 0), 0),
        streamTime:
          kind === 'window' ? highestTime(holders.map((task) => task.stores.get(name) as WindowStore)) : null,
      };
    }),
  };
}

/** Null while no store has seen a record: only an operator's first store is its clock. */
function highestTime(stores: readonly WindowStore[]): number | null {
  const time = Math.max(...stores.map(({ streamTime }) => streamTime));
  return Number.isFinite(time) ? time : null;
}
