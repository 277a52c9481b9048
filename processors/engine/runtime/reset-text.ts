import type { ResetPlan } from './reset-plan.ts';

/** What a reset will do, line by line, for the person who decides. */
export function resetText(plan: ResetPlan): readonly string[] {
  const { groupId, members, offsets, changelogs, repartitions, results, kept, stateDir } = plan;
  const lines = [
    ...(plan.isInterrupted ? ['an earlier reset was interrupted: this one goes on with it'] : []),
    `group ${groupId}: ${members.length === 0 ? 'no members' : membersText(plan)}`,
    ...offsets.map(({ topic, partition, offset }) => `forget offset ${offset} of ${topic}-${partition}`),
    ...changelogs.map((topic) => `delete changelog topic ${topic}`),
    ...repartitions.map((topic) => `delete repartition topic ${topic}`),
    ...results.map((topic) => `delete result topic ${topic}: its readers must begin anew too`),
    ...(stateDir === null ? [] : [`delete directory ${stateDir}`]),
    ...kept.map((topic) => `keep result topic ${topic}: rows that the replay does not give again stay in it`),
  ];
  return isEmpty(plan) ? [...lines, 'nothing to reset'] : lines;
}

/** True when the pipeline has left nothing behind that a reset would take away. */
export function isEmpty({ offsets, changelogs, repartitions, results, stateDir, isInterrupted }: ResetPlan) {
  const topics = [...changelogs, ...repartitions, ...results];
  return offsets.length + topics.length === 0 && stateDir === null && !isInterrupted;
}

/** Who is still at work. */
export function membersText({ members }: ResetPlan): string {
  const names = members.map(
    ({ groupInstanceId, clientId, host }) => `${groupInstanceId ?? clientId} at ${host}`,
  );
  return `${members.length} member(s): ${names.join(', ')}`;
}
