import type { Kafka } from '../../../connectors/kafka/port.ts';
import { must } from '../../../infra/process/assert.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { PlanStore } from '../plan/plan.ts';
import type { StateHome } from '../state/task-state.ts';
import { type ChangelogRange, whyUnusable } from './checkpoint-check.ts';
import type { ChangelogPositions } from './changelog-positions.ts';
import type { StreamTask } from './stream-task.ts';
import { TaskReplica } from './task-replica.ts';

/** A task whose state is wanted. */
export interface WantedReplica {
  readonly id: string;
  readonly partition: number;
  readonly storePlans: readonly PlanStore[];
  /** The group's stable offsets, by topic. */
  readonly committed: Readonly<Record<string, number | null>>;
}

export interface ReplicaHome {
  readonly kafka: Kafka;
  readonly clock: Clock;
  readonly log: Log;
  readonly home: StateHome;
  readonly changelog: (store: string) => string;
}

/** What there is of each task's changelogs, in the order of the tasks: two requests for all of them. */
export async function changelogRanges(
  { kafka, changelog }: ReplicaHome,
  wanted: readonly WantedReplica[],
): Promise<readonly (readonly ChangelogRange[])[]> {
  const changelogs = wanted.map(({ storePlans, partition }) =>
    storePlans
      .filter((plan) => plan.changelog)
      .map(({ name }) => ({ store: name, topic: changelog(name), partition })),
  );
  const all = changelogs.flat();
  if (all.length === 0) return changelogs.map(() => []);
  const [earliest, ends] = await Promise.all([
    kafka.listOffsets(all, 'earliest'),
    kafka.listOffsets(all, 'high-watermark'),
  ]);
  const ranges = all.map(({ store, topic }, i) => ({
    store,
    topic,
    earliest: earliest[i] ?? 0,
    end: ends[i] ?? 0,
  }));
  return changelogs.map(({ length }) => ranges.splice(0, length));
}

/** The state of a task that has run here, which goes on as a replica. */
export function replicaOf(
  task: StreamTask,
  { clock, changelog }: ReplicaHome,
  positions: ChangelogPositions,
): TaskReplica {
  const { id, partition, storePlans } = task;
  const offsets = positions.changelogs(storePlans, partition);
  const state = task.release();
  const stores = Object.entries(offsets).map(([name, offset]) => ({
    store: must(state.stores.get(name), `no store ${name}`),
    topic: changelog(name),
    offset,
    end: offset,
  }));
  return new TaskReplica({ id, partition, state, stores, from: 'tail', time: clock.now() });
}

/** The state that is there, with the offsets that it stands at, or an empty one where it is of no use. */
export async function openReplica(
  { home, clock, log }: ReplicaHome,
  { id, partition, storePlans, committed }: WantedReplica,
  ranges: readonly ChangelogRange[],
): Promise<TaskReplica> {
  const now = clock.now();
  let state = await home.open(id, storePlans);
  const { found } = state;
  const reason = typeof found === 'string' ? found : whyUnusable(found, ranges, committed, now);
  const usable = reason === null && typeof found !== 'string' ? found : null;
  if (usable === null) {
    if (ranges.some(({ earliest, end }) => end > earliest))
      log.info({ task: id, reason }, `the local state cannot be used, it is restored in full: ${reason}`);
    if (typeof found !== 'string') {
      await state.close();
      state = await home.openEmpty(id, storePlans);
    }
  }
  const { stores } = state;
  return new TaskReplica({
    id,
    partition,
    state,
    stores: ranges.map(({ store, topic, earliest, end }) => ({
      store: must(stores.get(store), `no store ${store}`),
      topic,
      offset: usable?.changelogs[store] ?? earliest,
      end,
    })),
    from: usable === null ? 'beginning' : 'tail',
    time: usable?.time ?? now,
  });
}
