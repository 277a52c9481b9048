/**
 * What a difference between two plans means for an upgrade, mildest first:
 * - `rolling`: state is kept, and processes with the old and the new plan may work side by side
 * - `restart`: state is kept, but all processes must be stopped before the first new one starts
 * - `rebuild`: the state that is named does not fit the new plan
 * - `refused`: the plans cannot follow one another at all
 */
export type Verdict = 'rolling' | 'restart' | 'rebuild' | 'refused';

const VERDICTS: readonly Verdict[] = ['rolling', 'restart', 'rebuild', 'refused'];

export interface PlanDifference {
  readonly verdict: Verdict;
  /** Kind and name of what differs: `store revenue`, `step by-customer`. */
  readonly subject: string;
  /** What has changed and what follows from it. */
  readonly detail: string;
  /** Stores that the new plan cannot go on with. */
  readonly stores: readonly string[];
  /** Repartition topics that the new plan cannot go on with, by their short names. */
  readonly repartitions: readonly string[];
  /** Whether a new name would have the step begin anew, rightly. Not of one that holds rows: they do not come again. */
  readonly canBeRenamed: boolean;
}

export const difference = (
  verdict: Verdict,
  subject: string,
  detail: string,
  unfit: Partial<Pick<PlanDifference, 'stores' | 'repartitions' | 'canBeRenamed'>> = {},
): PlanDifference => ({
  verdict,
  subject,
  detail,
  stores: [],
  repartitions: [],
  canBeRenamed: false,
  ...unfit,
});

/** The gravest of all; `rolling` where nothing differs. */
export function worst(differences: readonly PlanDifference[]): Verdict {
  const rank = Math.max(0, ...differences.map(({ verdict }) => VERDICTS.indexOf(verdict)));
  return VERDICTS[rank] ?? 'refused';
}

/** Whether state is kept. */
export const isCompatible = (verdict: Verdict): boolean => verdict === 'rolling' || verdict === 'restart';
