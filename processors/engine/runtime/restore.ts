import type { Kafka } from '../../../connectors/kafka/port.ts';
import { must } from '../../../infra/process/assert.ts';
import { type Clock, hasPassed } from '../../../infra/process/clock.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { PlanStore } from '../plan/plan.ts';
import type { StateStore } from '../state/store.ts';
import type { ChangelogPositions } from './changelog-positions.ts';
import { readToEnd } from './read-to-end.ts';

/** How often a long restore reports, milliseconds. */
const REPORT_MS = 5_000;

interface Restore {
  readonly kafka: Kafka;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly taskId: string;
  readonly partition: number;
  readonly storePlans: readonly PlanStore[];
  readonly stores: ReadonlyMap<string, StateStore>;
  readonly changelog: (store: string) => string;
  readonly positions: ChangelogPositions;
  readonly onRemaining: (records: number) => void;
}

/**
 * Fills a task's stores from their changelogs; returns the number of records read, or null when
 * the signal came first and the stores are of no use. The task's committed offsets must
 * have been read before, as stable ones: then nothing can be added to the changelogs that belongs below them.
 */
export async function restoreStores(restore: Restore): Promise<number | null> {
  const { kafka, clock, log, signal, taskId, partition, storePlans, stores, changelog } = restore;
  const { positions, onRemaining } = restore;
  const byTopic = new Map(
    storePlans
      .filter((plan) => plan.changelog)
      .map((plan) => [changelog(plan.name), must(stores.get(plan.name), `no store ${plan.name}`)]),
  );
  let records = 0;
  const startedAt = clock.now();
  let reportedAt = startedAt;
  const ends = await readToEnd({
    kafka,
    signal,
    partitions: [...byTopic.keys()].map((topic) => ({ topic, partition })),
    onBatch(batch) {
      const store = must(byTopic.get(batch.topic), `no store has the changelog ${batch.topic}`);
      for (const { key, value } of batch.records) if (key !== null) store.restore(key, value);
      records += batch.records.length;
    },
    onProgress(remaining) {
      onRemaining(remaining);
      if (!hasPassed(clock.now(), reportedAt, REPORT_MS)) return;
      reportedAt = clock.now();
      log.info({ task: taskId, records, remaining }, 'restoring state');
    },
  });
  if (ends === null) return null;
  for (const store of byTopic.values()) store.commit();
  positions.moved(ends);
  onRemaining(0);
  if (records > 0) log.info({ task: taskId, records, ms: clock.now() - startedAt }, 'state restored');
  return records;
}
