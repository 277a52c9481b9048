import type { Kafka } from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { ApplicationNames } from './application-names.ts';
import { type ResetPlan, type ResetRequest, planReset } from './reset-plan.ts';
import { membersText } from './reset-text.ts';
import { retractCuts } from './retract-cuts.ts';

/** What a reset is given beside Kafka. */
export interface ResetActions {
  /** Deletes a directory with all that is in it; one that is not there is no error. */
  readonly deleteDirectory: (directory: string) => Promise<void>;
  /** Told each step when it is done. */
  readonly onDone: (step: string) => void;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/**
 * Takes away what a pipeline has committed and kept, so that its next start begins with the first record of its inputs.
 * A mark in Kafka (an empty topic) stands from before the first deletion until after the last one: meanwhile the pipeline
 * refuses to start, since offsets without their state, or state without its offsets, give wrong results in silence. A reset
 * that was interrupted is called again, and goes on.
 * @throws Failure `engine.reset_members_active` (stop) before anything is deleted, `kafka.non_empty_group` (stop) when a
 * member has joined meanwhile: the mark stays then, and the reset is to be called again
 */
export async function resetPipeline(
  kafka: Kafka,
  request: ResetRequest,
  { deleteDirectory, onDone, now }: ResetActions,
): Promise<void> {
  const { names } = request;
  const before = await planReset(kafka, request);
  refuseMembers(before);
  await kafka.ensureTopics([{ name: names.resetMark, partitions: 1, config: {}, internal: true }]);
  // Who came to its check of the mark before the mark was there shows as a member now, or is refused by the deletion below.
  const plan = await planReset(kafka, request);
  // Nothing has been deleted yet, unless by an earlier reset: then the mark has to stay.
  if (plan.members.length > 0 && !before.isInterrupted) await kafka.deleteTopics([names.resetMark]);
  refuseMembers(plan);
  if ((await retractCuts(kafka, names, now())) > 0) onDone('took back what the results stood for');
  const topics = [...plan.changelogs, ...plan.repartitions, ...plan.results];
  for (const topic of await kafka.deleteTopics(topics)) onDone(`deleted topic ${topic}`);
  if (plan.stateDir !== null) {
    await deleteDirectory(plan.stateDir);
    onDone(`deleted directory ${plan.stateDir}`);
  }
  if (await kafka.deleteGroup(plan.groupId)) onDone(`deleted group ${plan.groupId} with its offsets`);
  await kafka.deleteTopics([names.resetMark]);
}

/** @throws Failure `engine.reset_unfinished` (stop): what the pipeline goes on from is half taken away */
export async function refuseUnfinishedReset(kafka: Kafka, names: ApplicationNames): Promise<void> {
  if ((await kafka.existingTopics([names.resetMark])).length === 0) return;
  throw new Failure(
    'engine.reset_unfinished',
    'stop',
    `a reset of ${names.applicationId} has begun and not ended: topic ${names.resetMark} is there`,
    { fix: 'wait for the reset, or run it again to its end: node processors/reset.ts --execute' },
  );
}

function refuseMembers(plan: ResetPlan): void {
  if (plan.members.length === 0) return;
  throw new Failure(
    'engine.reset_members_active',
    'stop',
    `group ${plan.groupId} is at work: ${membersText(plan)}`,
    {
      fix: 'stop them; one that was killed, or is a static member, is a member until its session timeout is over',
    },
  );
}
