import type { PlanDiff } from './plan-diff.ts';
import { type Verdict, isCompatible } from './plan-difference.ts';
import type { TopicNames } from './topic-names.ts';

const MEANING: Readonly<Record<Verdict, string>> = {
  rolling: 'processes may be replaced one after the other; state is kept',
  restart: 'stop all processes, then start the new ones; state is kept',
  rebuild: 'state does not fit',
  refused: 'the plans cannot follow one another',
};

/** The topics whose content does not fit the new plan, by their names in Kafka. */
export function unfitTopics({ differences }: PlanDiff, names: TopicNames): string[] {
  const topics = differences.flatMap(({ stores, repartitions }) => [
    ...stores.map((name) => names.changelog(name)),
    ...repartitions.map((name) => names.repartition(name)),
  ]);
  return [...new Set(topics)];
}

/** What to do about plans that do not fit. */
export function adviceOn({ differences }: PlanDiff, names: TopicNames): string {
  const grave = differences.filter(({ verdict }) => !isCompatible(verdict));
  const reset = `reset the application (stop it, delete its group ${names.applicationId} and all topics ${names.applicationId}-*, start it: inputs are read from their beginning)`;
  const rename = grave.every(({ canBeRenamed }) => canBeRenamed)
    ? 'give the changed steps new names, and they begin anew; or '
    : '';
  return `${rename}${reset}; or go back to the plan before`;
}

/** The differences, one a line, then what they come to. */
export function planDiffText(diff: PlanDiff, names: TopicNames): string {
  const { verdict, differences } = diff;
  const lines = differences.map((each) => `   ${each.verdict.padEnd(8)} ${each.subject}: ${each.detail}\n`);
  const unfit = unfitTopics(diff, names);
  const rebuild = unfit.length === 0 ? '' : `   does not fit: ${unfit.join(', ')}\n`;
  const advice = isCompatible(verdict) ? '' : `   fix: ${adviceOn(diff, names)}\n`;
  const title = isCompatible(verdict) ? 'compatible' : 'incompatible';
  if (lines.length === 0)
    return `compatible: the plans are equal, as far as plans go (functions are not in them)\n`;
  return `Differences:\n${lines.join('')}\n${title}: ${MEANING[verdict]}\n${rebuild}${advice}`;
}
