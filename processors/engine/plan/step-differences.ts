import { type PlanDifference, difference } from './plan-difference.ts';
import type { PlanLayout } from './plan-layout.ts';
import { shapeChanges } from './shape-changes.ts';
import type { StatefulStep } from './stateful-steps.ts';

/** Compares the steps that keep state. A step is the same one when it has the same name. */
export function stepDifferences(before: PlanLayout, after: PlanLayout): PlanDifference[] {
  const removed = without(before.steps, after.steps);
  const added = without(after.steps, before.steps);
  const renamed = new Map<StatefulStep, StatefulStep>();
  for (const step of added) {
    const old = removed.find((other) => isLike(other, step) && ![...renamed.values()].includes(other));
    if (old !== undefined) renamed.set(step, old);
  }
  const gone = removed.filter((step) => ![...renamed.values()].includes(step));
  const changes = before.steps.flatMap((old) => {
    const now = after.steps.find(({ name }) => name === old.name);
    return now === undefined ? [] : changesOf(old, now);
  });
  const rebuilt = new Set(changes.flatMap(({ verdict, step }) => (verdict === 'rebuild' ? [step.name] : [])));
  return [
    ...changes.map(({ step, verdict, detail }) =>
      difference(verdict, `step ${step.name}`, detail, verdict === 'rebuild' ? unfit(step) : {}),
    ),
    ...followers(after.steps, rebuilt),
    ...added.map((step) => addition(step, renamed.get(step) ?? null, before)),
    ...gone.map((step) =>
      difference(
        'restart',
        `step ${step.name}`,
        `removed: its state stays in Kafka, unused, until its topics are deleted (stores ${listed(step)})`,
      ),
    ),
  ];
}

interface Change {
  readonly step: StatefulStep;
  readonly verdict: 'restart' | 'rebuild';
  readonly detail: string;
}

function changesOf(old: StatefulStep, now: StatefulStep): Change[] {
  const change = (verdict: Change['verdict'], detail: string): Change => ({ step: now, verdict, detail });
  if (old.operator !== now.operator)
    return [
      change('rebuild', `was a ${old.operator} and is a ${now.operator}: its state is of another kind`),
    ];
  const settings = [...new Set([...Object.keys(old.settings), ...Object.keys(now.settings)])]
    .filter((path) => old.settings[path] !== now.settings[path])
    .map((path) =>
      change(
        'rebuild',
        `${path} was ${told(old.settings[path])} and is ${told(now.settings[path])}: what is stored was kept by the old one`,
      ),
    );
  const stores = Object.entries(now.stores).flatMap(([name, shape]) => {
    const known = old.stores[name];
    const changes = known === undefined ? [] : shapeChanges(known, shape);
    return changes.length === 0
      ? []
      : [change('rebuild', `store ${name} holds other bytes: ${changes.join('; ')}`)];
  });
  return [
    ...settings,
    ...stores,
    ...originChanges(old, now).map(([verdict, detail]) => change(verdict, detail)),
  ];
}

function originChanges(old: StatefulStep, now: StatefulStep): [Change['verdict'], string][] {
  if (JSON.stringify(old.lineage) !== JSON.stringify(now.lineage))
    return [
      [
        'rebuild',
        `the rows that it takes back are not computed as they were: ${old.lineage?.join('; ') ?? 'events'} before, ` +
          `${now.lineage?.join('; ') ?? 'events'} now`,
      ],
    ];
  const lost = old.origins.some((names, input) => names.some((name) => !now.origins[input]?.includes(name)));
  if (lost)
    return [['rebuild', `what it has stored came from ${from(old)}, and it is fed by ${from(now)} now`]];
  if (JSON.stringify(old.origins) === JSON.stringify(now.origins)) return [];
  return [
    ['restart', `is fed by ${from(now)}, and was by ${from(old)}: what is new begins where it is read first`],
  ];
}

/** What was computed from state that begins anew would be told, and counted, a second time. */
function followers(steps: readonly StatefulStep[], rebuilt: ReadonlySet<string>): PlanDifference[] {
  return steps.flatMap((step) => {
    const cause = [...step.after].find((name) => rebuilt.has(name));
    if (cause === undefined || rebuilt.has(step.name)) return [];
    return [
      difference('rebuild', `step ${step.name}`, `is fed by ${cause}, which has to be rebuilt`, unfit(step)),
    ];
  });
}

function addition(step: StatefulStep, old: StatefulStep | null, before: PlanLayout): PlanDifference {
  const subject = `step ${step.name}`;
  const what =
    old === null
      ? 'added'
      : `the step ${old.name} by another name, with new stores and topics (those of ${old.name} stay, unused)`;
  const known = new Set(before.inputs.flat());
  const origins = step.origins.flat();
  if (!origins.some((name) => known.has(name) || before.steps.some((other) => other.name === name)))
    return difference('restart', subject, `${what}: filled from the beginning of ${from(step)}`);
  if (!step.isTable)
    return difference('restart', subject, `${what}: starts empty, and knows what comes after the upgrade`);
  return difference(
    'rebuild',
    subject,
    `${what}: it holds rows of ${from(step)}, and those that were read before the upgrade do not come again`,
    unfit(step),
  );
}

const unfit = (step: StatefulStep): Pick<PlanDifference, 'stores' | 'canBeRenamed'> => ({
  stores: Object.keys(step.stores),
  canBeRenamed: !step.isTable,
});

/** The same step but for its name, and that of its stores. */
function isLike(a: StatefulStep, b: StatefulStep): boolean {
  const signature = ({ operator, settings, stores, origins, lineage }: StatefulStep): string =>
    JSON.stringify([operator, settings, Object.values(stores), origins, lineage]);
  return signature(a) === signature(b);
}

const without = (steps: readonly StatefulStep[], others: readonly StatefulStep[]): StatefulStep[] =>
  steps.filter(({ name }) => !others.some((other) => other.name === name));

const from = ({ origins }: StatefulStep): string => origins.map((names) => names.join(' and ')).join(', ');

const listed = ({ stores }: StatefulStep): string => Object.keys(stores).join(', ');

const told = (value: string | undefined): string => value ?? 'nothing';
