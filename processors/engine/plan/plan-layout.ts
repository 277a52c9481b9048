import type { Plan } from './plan.ts';
import type { Shape } from './shape-changes.ts';
import { type StatefulStep, statefulSteps } from './stateful-steps.ts';
import { storedShape } from './stored-shape.ts';
import { subTopologies } from './sub-topology.ts';

/** What goes between two sub-topologies, as far as its bytes and its place depend on the plan. */
export interface RepartitionLayout {
  readonly name: string;
  readonly shape: Shape;
  readonly partitions: number | null;
  /** Stateful steps of the sub-topology that reads it. */
  readonly feeds: readonly string[];
}

/**
 * The part of a plan that state, internal topics and the members of a group depend on. Processes whose plans have one
 * layout may share the work: a task that moves from one to another finds its state as it would have made it.
 */
export interface PlanLayout {
  /** Source topics and repartitions that each sub-topology reads, by its id. */
  readonly inputs: readonly (readonly string[])[];
  readonly steps: readonly StatefulStep[];
  readonly repartitions: readonly RepartitionLayout[];
}

export function planLayout(plan: Plan): PlanLayout {
  const parts = subTopologies(plan);
  const steps = statefulSteps(plan);
  return {
    inputs: parts.map(({ nodes }) => [
      ...new Set(
        nodes.flatMap((node) => {
          if (node.operator === 'repartition-source') return [`repartition ${node.repartition}`];
          return node.operator === 'stream-source' || node.operator === 'table-source'
            ? [node.topic.name]
            : [];
        }),
      ),
    ]),
    steps,
    repartitions: plan.repartitions.map(({ name, form, key, value, partitions }) => {
      const reader = parts.find(({ nodes }) =>
        nodes.some((node) => node.operator === 'repartition-source' && node.repartition === name),
      );
      const stores = new Set(reader?.stores.map((store) => store.name));
      return {
        name,
        shape: { form: JSON.stringify(form), key: storedShape(key), value: storedShape(value) },
        partitions,
        feeds: steps
          .filter((step) => Object.keys(step.stores).some((store) => stores.has(store)))
          .map((step) => step.name),
      };
    }),
  };
}
