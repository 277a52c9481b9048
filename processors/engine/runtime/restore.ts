import type { FetchedBatch, Kafka } from '../../../connectors/kafka/port.ts';
import { must } from '../../../infra/process/assert.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { PlanStore } from '../plan/plan.ts';
import type { StateHome, TaskState } from '../state/task-state.ts';
import type { ChangelogPositions } from './changelog-positions.ts';
import { type ChangelogRange, whyUnusable } from './checkpoint-check.ts';
import { readToEnd } from './read-to-end.ts';
import { RestoreProgress } from './restore-progress.ts';

/** Bytes of restored keys and values after which a store on disk is written. */
const UNWRITTEN_BYTES_MAX = 8 * 1024 * 1024;
/** What a record counts for besides: many small ones take more memory than their bytes. */
const RECORD_BYTES = 200;

interface Restore {
  readonly kafka: Kafka;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly home: StateHome;
  readonly taskId: string;
  readonly partition: number;
  readonly storePlans: readonly PlanStore[];
  readonly changelog: (store: string) => string;
  /** The group's stable offsets, by topic. */
  readonly committed: Readonly<Record<string, number | null>>;
  readonly positions: ChangelogPositions;
  /** Told after each step how many records it read, and how many offsets are left. */
  readonly onRead: (records: number, remaining: number) => void;
}

/** A task's state at the ends of its changelogs, and how many records it took to get there. */
export interface RestoredState {
  readonly state: TaskState;
  readonly records: number;
}

/**
 * Opens a task's state and brings it up to the ends of its changelogs: from where it stands, or from the beginning when it
 * is of no use. Null when the signal came first. The task's committed offsets must have been read before, as stable
 * ones: then nothing can be added to the changelogs that belongs below them.
 */
export async function restoreState(restore: Restore): Promise<RestoredState | null> {
  const ranges = await changelogRanges(restore);
  const { state, starts } = await openUsable(restore, ranges);
  return ranges.length === 0 ? { state, records: 0 } : await replay(restore, state, ranges, starts);
}

async function changelogRanges(restore: Restore): Promise<ChangelogRange[]> {
  const { kafka, storePlans, changelog, partition } = restore;
  const changelogs = storePlans
    .filter((plan) => plan.changelog)
    .map(({ name }) => ({ store: name, topic: changelog(name), partition }));
  if (changelogs.length === 0) return [];
  const earliest = await kafka.listOffsets(changelogs, 'earliest');
  const ends = await kafka.listOffsets(changelogs, 'high-watermark');
  return changelogs.map(({ store, topic }, i) => ({
    store,
    topic,
    earliest: earliest[i] ?? 0,
    end: ends[i] ?? 0,
  }));
}

/** The state that is there, with the offsets that it stands at, or an empty one. */
async function openUsable(
  { home, taskId, storePlans, committed, clock, log }: Restore,
  ranges: readonly ChangelogRange[],
): Promise<{ readonly state: TaskState; readonly starts: readonly number[] | null }> {
  const state = await home.open(taskId, storePlans);
  const { found } = state;
  const reason = typeof found === 'string' ? found : whyUnusable(found, ranges, committed, clock.now());
  if (reason === null && typeof found !== 'string')
    return { state, starts: ranges.map(({ store }) => found.changelogs[store] ?? 0) };
  if (ranges.some(({ earliest, end }) => end > earliest))
    log.info({ task: taskId, reason }, `the local state cannot be used, it is restored in full: ${reason}`);
  if (typeof found === 'string') return { state, starts: null };
  await state.close();
  return { state: await home.openEmpty(taskId, storePlans), starts: null };
}

async function replay(
  restore: Restore,
  state: TaskState,
  ranges: readonly ChangelogRange[],
  starts: readonly number[] | null,
): Promise<RestoredState | null> {
  const { kafka, clock, log, signal, taskId, partition, committed, positions, onRead } = restore;
  const changelogs = Object.fromEntries(
    ranges.map(({ store, earliest }, i) => [store, starts?.[i] ?? earliest]),
  );
  const storeOf = new Map(ranges.map(({ topic, store }) => [topic, store]));
  const progress = new RestoreProgress(taskId, clock, log);
  let [fresh, unwritten] = [0, 0];
  const onBatch = async (batch: FetchedBatch): Promise<void> => {
    const name = must(storeOf.get(batch.topic), `no store has the changelog ${batch.topic}`);
    const store = must(state.stores.get(name), `no store ${name}`);
    for (const { key, value } of batch.records) {
      if (key === null) continue;
      store.restore(key, value);
      unwritten += RECORD_BYTES + key.length + (value?.length ?? 0);
    }
    changelogs[name] = batch.nextOffset;
    fresh += batch.records.length;
    if (unwritten < UNWRITTEN_BYTES_MAX) return;
    unwritten = 0;
    await state.commit({ changelogs: { ...changelogs }, inputs: {}, time: clock.now() }, false);
  };
  const ends = await readToEnd({
    kafka,
    signal,
    partitions: ranges.map(({ topic }) => ({ topic, partition })),
    ...(starts === null ? {} : { starts }),
    onBatch,
    onProgress(remaining) {
      onRead(fresh, remaining);
      progress.moved(fresh, remaining);
      fresh = 0;
    },
  });
  if (ends === null) return null;
  const inputs = Object.fromEntries(Object.entries(committed).map(([topic, offset]) => [topic, offset ?? 0]));
  await state.commit({ changelogs: { ...changelogs }, inputs, time: clock.now() }, true);
  positions.moved(ends);
  onRead(0, 0);
  if (progress.records > 0) progress.done(starts === null ? 'beginning' : 'tail');
  return { state, records: progress.records };
}
