import { median } from '../figures.ts';

/** Transactions of so many rows. */
export const SIZES = [1, 100, 10_000] as const;

/** What can be measured, each by a name of its own: who, and what is read. */
export const PARTS = [
  ...SIZES.flatMap(
    (size) =>
      [
        `ceiling-${size}`,
        `drain-${size}`,
        `reader-${size}`,
        `peer-${size}`,
        `ours-${size}`,
        `debezium-${size}`,
      ] as const,
  ),
  'offline',
  'ceiling-snapshot',
  'ours-snapshot-exported',
  'ours-snapshot-chunked',
  'debezium-snapshot',
  'ceiling-big',
  'ours-big',
] as const;
export type Part = (typeof PARTS)[number];

/** One run of a part. Null: not told, as with a program that is timed as a whole. */
export interface PartRun {
  readonly rowsPerSecond: number;
  readonly cpuMicrosPerRow: number | null;
  readonly peakMib: number | null;
  /** Resident size in the first and the last third of the run. */
  readonly rssMib?: readonly [first: number, last: number];
}

/** Medians of a part's runs. */
export interface PartFigures extends PartRun {
  readonly runs: number;
}

/** Every part that has one of the words in its name, between hyphens; all of them when there are no words. */
export function chosenParts(words: readonly string[]): ReadonlySet<Part> {
  const isChosen = (part: string): boolean =>
    words.length === 0 || words.some((word) => `-${part}-`.includes(`-${word}-`));
  return new Set(PARTS.filter(isChosen));
}

export function mediansOf(runs: readonly PartRun[]): PartFigures {
  const middle = (values: readonly (number | null | undefined)[]): number | null => {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length === 0 ? null : median(known);
  };
  const first = middle(runs.map(({ rssMib }) => rssMib?.[0]));
  const last = middle(runs.map(({ rssMib }) => rssMib?.[1]));
  return {
    rowsPerSecond: median(runs.map(({ rowsPerSecond }) => rowsPerSecond)),
    cpuMicrosPerRow: middle(runs.map(({ cpuMicrosPerRow }) => cpuMicrosPerRow)),
    peakMib: middle(runs.map(({ peakMib }) => peakMib)),
    ...(first === null || last === null ? {} : { rssMib: [first, last] as const }),
    runs: runs.length,
  };
}
