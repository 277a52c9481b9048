import { must } from '../../../infra/process/assert.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { type SubTopology, globalsOf } from '../plan/sub-topology.ts';
import { type GraphListener, ProcessorGraph } from '../processor-graph.ts';
import type { TaskState } from '../state/task-state.ts';
import type { Application } from './application.ts';
import type { BadRecords } from './bad-records.ts';
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
  create(
    part: SubTopology,
    partition: number,
    startOf: (topic: string) => InputStart,
    state: TaskState,
  ): StreamTask;
}

/** Key and value of a record that fits into a batch of its own, bytes. */
const OUTPUT_BYTES_MAX = 1024 * 1024 - 256;

/** A task that looks into no global table waits for none. */
const noGlobals: Pick<GlobalTables, 'areClearFor'> = { areClearFor: () => true };

export const taskId = (part: SubTopology, partition: number): string => `${part.id}_${partition}`;

export function taskFactory(
  application: Application,
  globals: GlobalTables,
  pending: PendingOutput,
  badRecords: BadRecords,
): TaskFactory {
  const { topology, parts, names, registry, serdes, log } = application;
  const inputs = parts.map((part) => inputTopics(topology, part.nodes, names, registry, serdes, log));
  const listener = taskListener(application, pending, badRecords);
  return {
    inputs,
    create(part, partition, startOf, state) {
      const graph = new ProcessorGraph({
        nodes: part.nodes,
        stores: part.stores,
        functions: topology.functions,
        state: state.stores,
        globals: globals.views,
        serdes,
        listener,
      });
      return new StreamTask({
        id: taskId(part, partition),
        partition,
        state,
        graph,
        globals: globalsOf(topology.plan, part).length > 0 ? globals : noGlobals,
        storePlans: part.stores,
        changelog: names.changelog,
        progress: operatorProgress(part.nodes, part.stores, state.stores),
        inputs: must(inputs[part.id], `no inputs of sub-topology ${part.id}`).map((input) => {
          const { offset, committed } = startOf(input.topic);
          return new PartitionBuffer(input, partition, offset, committed, badRecords);
        }),
      });
    },
  };
}

/** Encodes what sinks put out at once, so that a value that does not fit its schema fails at its own record. */
function taskListener(
  { encoders, policies }: Application,
  pending: PendingOutput,
  badRecords: BadRecords,
): GraphListener {
  return {
    onEmit(node, record) {
      const encoded = must(encoders.get(node.id), `no encoder of ${node.id}`)(record);
      if (encoded === null) return 'null_key';
      const bytes = (encoded.key?.length ?? 0) + (encoded.value?.length ?? 0);
      if (bytes > OUTPUT_BYTES_MAX) throw outputTooLarge(encoded.topic, node.id, bytes);
      pending.add(encoded);
      return null;
    },
    ...(policies.dropped === 'dlq' && { onDrop: (node, reason) => badRecords.dropped({ node, reason }) }),
  };
}

function outputTooLarge(topic: string, node: string, bytes: number): Failure {
  return new Failure(
    'engine.output_too_large',
    'stop',
    `"${node}" puts out a record of ${bytes} bytes to ${topic}: more than the ${OUTPUT_BYTES_MAX} that a producer batch takes`,
    { fix: 'make results smaller; an aggregate that collects must have a bound' },
  );
}
