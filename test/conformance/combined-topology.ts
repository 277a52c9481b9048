import type { Plan } from '../../processors/engine/plan/plan.ts';
import type { Topology } from '../../processors/engine/topology.ts';

/** Fields that hold no name of the plan's, though a word in them may be one: Avro schemas and kinds. */
const NAMELESS = new Set(['key', 'value', 'windowedKey', 'foreignKey', 'left', 'right', 'operator', 'join']);

/** Many topologies as one, which do not touch: all that the i-th names begins with `<i>-`, its topics too. */
export function combined(name: string, topologies: readonly Topology[]): Topology {
  const parts = topologies.map((part, i) => prefixed(part, `${i}-`));
  const all = <T>(list: (plan: Plan) => readonly T[]): T[] => parts.flatMap(({ plan }) => [...list(plan)]);
  const plan: Plan = {
    pipeline: name,
    nodes: all(({ nodes }) => nodes),
    stores: all(({ stores }) => stores),
    repartitions: all(({ repartitions }) => repartitions),
  };
  return { name, plan, functions: new Map(parts.flatMap(({ functions }) => [...functions])) };
}

function prefixed({ name, plan, functions }: Topology, prefix: string): Topology {
  const names = new Set([
    ...plan.nodes.flatMap((node) => ('topic' in node ? [node.id, node.topic.name] : [node.id])),
    ...plan.stores.map((store) => store.name),
    ...plan.repartitions.map((repartition) => repartition.name),
  ]);
  const rename = (field: string, value: unknown): unknown =>
    !NAMELESS.has(field) && typeof value === 'string' && names.has(value) ? prefix + value : value;
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value))
      return value.map((item) => (typeof item === 'string' ? rename('', item) : walk(item)));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([field, own]) => [
      field,
      NAMELESS.has(field) ? own : typeof own === 'object' ? walk(own) : rename(field, own),
    ]);
    return Object.fromEntries(entries);
  };
  return {
    name,
    plan: walk(plan) as Plan,
    functions: new Map([...functions].map(([id, own]) => [prefix + id, own])),
  };
}
