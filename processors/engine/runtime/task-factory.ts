import { must } from '../../../infra/process/assert.ts';
import { type SubTopology, globalsOf } from '../plan/sub-topology.ts';
import { type GraphListener, ProcessorGraph } from '../processor-graph.ts';
import { openStores } from '../state/open-stores.ts';
import type { Application } from './application.ts';
import type { GlobalTables } from './global-reader.ts';
import { type InputTopic, inputTopics } from './input-topics.ts';
import { operatorProgress } from './operator-progress.ts';
import { PartitionBuffer } from './partition-buffer.ts';
import type { PendingOutput } from './pending-output.ts';
import { StreamTask } from './stream-task.ts';

/** Where a task's input begins: the committed offset, or the beginning of the log when there is none. */
export interface InputStart {
  readonly committed: number | null;
  readonly offset: number;
}

/** Makes the tasks of one process. */
export interface TaskFactory {
  /** Input topics of each sub-topology, by its id. */
  readonly inputs: readonly (readonly InputTopic[])[];
  create(part: SubTopology, partition: number, startOf: (topic: string) => InputStart): StreamTask;
}

/** A task that looks into no global table waits for none. */
const noGlobals: Pick<GlobalTables, 'areClearFor'> = { areClearFor: () => true };

export const taskId = (part: SubTopology, partition: number): string => `${part.id}_${partition}`;

export function taskFactory(
  application: Application,
  globals: GlobalTables,
  pending: PendingOutput,
): TaskFactory {
  const { topology, parts, names, registry, serdes } = application;
  const inputs = parts.map((part) => inputTopics(topology, part.nodes, names, registry, serdes));
  const listener = outputListener(application, pending);
  return {
    inputs,
    create(part, partition, startOf) {
      const stores = openStores(part.stores);
      const graph = new ProcessorGraph({
        nodes: part.nodes,
        stores: part.stores,
        functions: topology.functions,
        state: stores,
        globals: globals.views,
        serdes,
        listener,
      });
      return new StreamTask({
        id: taskId(part, partition),
        partition,
        stores,
        graph,
        globals: globalsOf(topology.plan, part).length > 0 ? globals : noGlobals,
        storePlans: part.stores,
        changelog: names.changelog,
        progress: operatorProgress(part.nodes, part.stores, stores),
        inputs: must(inputs[part.id], `no inputs of sub-topology ${part.id}`).map((input) => {
          const { offset, committed } = startOf(input.topic);
          return new PartitionBuffer(input, partition, offset, committed);
        }),
      });
    },
  };
}

/** Encodes what sinks put out at once, so that a value that does not fit its schema fails at its own record. */
function outputListener({ encoders }: Application, pending: PendingOutput): GraphListener {
  return {
    onEmit(node, record) {
      const encoded = must(encoders.get(node.id), `no encoder of ${node.id}`)(record);
      if (encoded === null) return 'null_key';
      pending.add(encoded);
      return null;
    },
  };
}
