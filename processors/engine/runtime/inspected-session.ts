import { must } from '../../../infra/process/assert.ts';
import type { StateSource } from '../inspection/state-queries.ts';
import type { Application } from './application.ts';
import type { Committer } from './committer.ts';
import type { GlobalTables } from './global-reader.ts';
import type { TaskAssignment } from './task-assignment.ts';
import { taskId } from './task-factory.ts';

/** The state of a session, for questions. */
export function inspectedSession(
  application: Application,
  assignment: TaskAssignment,
  committer: Committer,
  globals: GlobalTables,
): StateSource {
  const { topology, serdes, parts, setup } = application;
  return {
    unready: () => (assignment.isAssigned ? null : 'tasks are being assigned or restored'),
    isCommitted: () => !committer.isPending(assignment.tasks),
    state: () => ({
      plan: topology.plan,
      serdes,
      parts,
      taskCounts: setup.tasks,
      globals: globals.stores,
      tasks: assignment.tasks.map((task) => ({
        id: task.id,
        partition: task.partition,
        part: must(
          parts.find((part) => taskId(part, task.partition) === task.id),
          `no sub-topology of task ${task.id}`,
        ),
        stores: task.stores,
        offsets: Object.fromEntries(task.inputs.map(({ input, committed }) => [input.topic, committed])),
      })),
    }),
  };
}
