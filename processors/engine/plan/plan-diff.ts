import type { Plan } from './plan.ts';
import { type PlanDifference, type Verdict, difference, worst } from './plan-difference.ts';
import { type PlanLayout, planLayout } from './plan-layout.ts';
import type { PlanRecord } from './plan-record.ts';
import { shapeChanges } from './shape-changes.ts';
import { settingsOf } from './stateful-steps.ts';
import { stepDifferences } from './step-differences.ts';

/** What an upgrade from one plan to another means for the state. */
export interface PlanDiff {
  /** The gravest of all differences. */
  readonly verdict: Verdict;
  readonly differences: readonly PlanDifference[];
}

/** Compares the plan that state was written under with the one that shall go on with it. Functions are in no plan. */
export function planDiff(before: PlanRecord, after: PlanRecord): PlanDiff {
  if (before.plan.pipeline !== after.plan.pipeline) {
    const detail = `was ${before.plan.pipeline} and is ${after.plan.pipeline}: another application, which shares no state`;
    const differences = [difference('refused', 'pipeline', detail)];
    return { verdict: 'refused', differences };
  }
  const [old, now] = [planLayout(before.plan), planLayout(after.plan)];
  const steps = stepDifferences(old, now);
  const repartitions = repartitionDifferences(before, after, old, now);
  const differences = [
    ...steps,
    ...repartitions,
    ...inputDifferences(old, now),
    ...statelessDifferences(before.plan, after.plan),
  ];
  return { verdict: worst(differences), differences };
}

function repartitionDifferences(
  before: PlanRecord,
  after: PlanRecord,
  old: PlanLayout,
  now: PlanLayout,
): PlanDifference[] {
  const changed = now.repartitions.flatMap((repartition): PlanDifference[] => {
    const { name, shape, feeds } = repartition;
    const subject = `repartition ${name}`;
    const known = old.repartitions.find((other) => other.name === name);
    if (known === undefined) return [difference('restart', subject, 'added, with a new topic')];
    const unfit = {
      repartitions: [name],
      stores: now.steps.flatMap((step) => (feeds.includes(step.name) ? Object.keys(step.stores) : [])),
    };
    const [was, is] = [
      known.partitions ?? before.repartitions[name],
      repartition.partitions ?? after.repartitions[name],
    ];
    if (was !== is && was !== undefined && is !== undefined)
      return [
        difference(
          'rebuild',
          subject,
          `had ${was} partitions and has ${is}: keys, and their state, lie elsewhere`,
          unfit,
        ),
      ];
    const changes = shapeChanges(known.shape, shape);
    if (changes.length === 0 && known.partitions === repartition.partitions) return [];
    if (changes.length === 0)
      return [
        difference('restart', subject, 'names its number of partitions, or no longer: it has the same'),
      ];
    const detail = `carries other bytes: ${changes.join('; ')}`;
    return [difference('rebuild', subject, detail, { repartitions: [name], canBeRenamed: true })];
  });
  const removed = old.repartitions
    .filter(({ name }) => !now.repartitions.some((other) => other.name === name))
    .map(({ name }) =>
      difference(
        'restart',
        `repartition ${name}`,
        'removed: what is in its topic and not yet processed is lost, so stop when its lag is 0',
      ),
    );
  return [...changed, ...removed];
}

function inputDifferences(old: PlanLayout, now: PlanLayout): PlanDifference[] {
  if (JSON.stringify(old.inputs) === JSON.stringify(now.inputs)) return [];
  const [was, is] = [new Set(old.inputs.flat()), new Set(now.inputs.flat())];
  const topics = (names: Iterable<string>): string[] =>
    [...names].filter((name) => !name.startsWith('repartition '));
  const added = topics(is)
    .filter((name) => !was.has(name))
    .map((name) => difference('restart', `topic ${name}`, 'is read now, from its beginning'));
  const removed = topics(was)
    .filter((name) => !is.has(name))
    .map((name) => difference('restart', `topic ${name}`, 'is read no more'));
  const all = [...added, ...removed];
  if (all.length > 0) return all;
  return [
    difference(
      'restart',
      'sub-topologies',
      'read together what they have not read together before: tasks are others',
    ),
  ];
}

/** Steps that keep nothing. They count by what they do: the numbers in their ids move with every step before them. */
function statelessDifferences(before: Plan, after: Plan): PlanDifference[] {
  const [old, now] = [statelessSteps(before), statelessSteps(after)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((step) => {
    const [was, is] = [old.get(step) ?? 0, now.get(step) ?? 0];
    if (was === is) return [];
    const detail = was === 0 ? 'added' : is === 0 ? 'removed' : `${was} before, ${is} now`;
    return [difference('rolling', step, `${detail}: keeps no state`)];
  });
}

function statelessSteps(plan: Plan): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const keeping = new Set(plan.stores.flatMap(({ name, changelog }) => (changelog ? [name] : [])));
  for (const node of plan.nodes) {
    if (node.stores.some((store) => keeping.has(store)) || 'repartition' in node) continue;
    if (node.operator === 'stream-source') continue;
    const what = 'topic' in node ? `topic ${node.topic.name}` : /-\d{10}$/.test(node.id) ? '' : node.id;
    const settings = Object.values(settingsOf(node)).join(' ');
    const step = [node.operator, what, settings].filter((part) => part !== '').join(' ');
    counts.set(step, (counts.get(step) ?? 0) + 1);
  }
  return counts;
}
