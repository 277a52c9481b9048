import type { Plan } from './plan/plan.ts';
import { globalSources } from './plan/sub-topology.ts';
import { type GraphParts, ProcessorGraph } from './processor-graph.ts';
import type { TableView } from './state/table-state.ts';

/** A table that every task of the process looks into. */
export interface GlobalTable {
  readonly graph: ProcessorGraph;
  readonly view: TableView;
}

/** The global tables of a plan, by the id of their source. */
export function globalTables(
  plan: Plan,
  parts: Omit<GraphParts, 'nodes' | 'globals'>,
): ReadonlyMap<string, GlobalTable> {
  return new Map(
    globalSources(plan).map((source) => {
      const graph = new ProcessorGraph({ ...parts, nodes: [source], globals: new Map() });
      return [source.id, { graph, view: graph.table(source.id) }];
    }),
  );
}
