import type { Kafka } from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { planDiff } from '../plan/plan-diff.ts';
import { adviceOn } from '../plan/plan-diff-text.ts';
import { isCompatible } from '../plan/plan-difference.ts';
import type { PlanRecord } from '../plan/plan-record.ts';
import type { InternalTopic } from '../plan/planned-topics.ts';
import type { ApplicationNames } from './application-names.ts';
import { readPlan } from './plan-topic.ts';
import { existingPartitions } from './existing-partitions.ts';

interface Upgrade {
  readonly kafka: Kafka;
  readonly names: ApplicationNames;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** The plan of this process. */
  readonly record: PlanRecord;
  /** Of that plan. */
  readonly internal: readonly InternalTopic[];
}

/**
 * Compares the plan of this process with the one that the state in Kafka was written under. Returns that one, null
 * where nobody has written any. To be asked before a topic is created: what is there then holds state.
 * @throws Failure `engine.plan_incompatible` (stop) with what differs, `engine.stale_state` (stop)
 */
export async function checkUpgrade(upgrade: Upgrade): Promise<PlanRecord | null> {
  const { kafka, names, log, signal, record, internal } = upgrade;
  // In this order: who fills a topic has written its plan before.
  const filled = await filledTopics(kafka, internal);
  const before = await readPlan(kafka, names.plan, signal);
  if (signal.aborted) return null;
  if (before === null) {
    if (filled.length > 0)
      log.warn(
        { topics: filled.map(({ name }) => name) },
        'there is state of which no plan is known; it is taken to be of the present one',
      );
    return null;
  }
  const { differences, verdict } = planDiff(before, record);
  if (!isCompatible(verdict)) {
    const grave = differences.filter((each) => !isCompatible(each.verdict));
    const list = grave.map(({ subject, detail }) => `${subject}: ${detail}`).join('; ');
    throw new Failure(
      'engine.plan_incompatible',
      'stop',
      `the state of ${names.applicationId} was written under another plan: ${list}`,
      { fix: adviceOn({ differences, verdict }, names) },
    );
  }
  refuseStale(before, filled);
  for (const { subject, detail } of differences) log.info({ subject, detail }, 'the plan has changed');
  return before;
}

/** What an earlier plan had left behind, when the newest one had no use for it, has missed all that came since. */
function refuseStale({ plan }: PlanRecord, filled: readonly InternalTopic[]): void {
  const known = new Set([...plan.stores, ...plan.repartitions].map(({ name }) => name));
  const stale = filled.filter((topic) => !known.has(topic.of)).map(({ name }) => name);
  if (stale.length === 0) return;
  throw new Failure(
    'engine.stale_state',
    'stop',
    `${stale.join(', ')} ${stale.length === 1 ? 'has' : 'have'} records of an earlier plan, which miss what came since`,
    { fix: 'delete the topics that are named, or give the steps that they belong to new names' },
  );
}

async function filledTopics(
  kafka: Kafka,
  internal: readonly InternalTopic[],
): Promise<readonly InternalTopic[]> {
  const state = internal.filter(({ role }) => role !== 'plan');
  const filled = await Promise.all(
    state.map(async ({ name }) => {
      const count = (await existingPartitions(kafka, name)) ?? 0;
      if (count === 0) return false;
      const partitions = Array.from({ length: count }, (_, partition) => ({ topic: name, partition }));
      const [starts, ends] = await Promise.all([
        kafka.listOffsets(partitions, 'earliest'),
        kafka.listOffsets(partitions, 'high-watermark'),
      ]);
      return ends.some((end, partition) => end > (starts[partition] ?? 0));
    }),
  );
  return state.filter((_, index) => filled[index] === true);
}
