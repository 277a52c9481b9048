import { medianOfKnown, partsWith } from '../bench-parts.ts';
import { median } from '../figures.ts';

/** Most rows of a transaction. */
export const SIZES = [500, 2_000, 10_000] as const;
export type Size = (typeof SIZES)[number];

/** What can be measured, each by a name of its own. */
export const PARTS = SIZES.flatMap(
  (size) =>
    [
      `ceiling-${size}`,
      `ceiling-two-${size}`,
      `ours-${size}`,
      `ours-two-${size}`,
      `debezium-${size}`,
    ] as const,
);
export type Part = (typeof PARTS)[number];

/** One run of a part. Null: there is no such process. */
export interface PartRun {
  readonly rowsPerSecond: number;
  /** Of the writers' own processes. */
  readonly cpuMicrosPerRow: number | null;
  readonly postgresMicrosPerRow: number;
  readonly peakMib: number | null;
  /** Resident size in the first and the last third of the run. */
  readonly rssMib: readonly [first: number, last: number] | null;
}

/** Medians of a part's runs. */
export interface PartFigures extends PartRun {
  readonly runs: number;
}

/** {@link partsWith} of {@link PARTS}. */
export const chosenParts = (words: readonly string[]): ReadonlySet<Part> => partsWith(PARTS, words);

export function mediansOf(runs: readonly PartRun[]): PartFigures {
  const first = medianOfKnown(runs.map(({ rssMib }) => rssMib?.[0]));
  const last = medianOfKnown(runs.map(({ rssMib }) => rssMib?.[1]));
  return {
    rowsPerSecond: median(runs.map(({ rowsPerSecond }) => rowsPerSecond)),
    cpuMicrosPerRow: medianOfKnown(runs.map(({ cpuMicrosPerRow }) => cpuMicrosPerRow)),
    postgresMicrosPerRow: median(runs.map(({ postgresMicrosPerRow }) => postgresMicrosPerRow)),
    peakMib: medianOfKnown(runs.map(({ peakMib }) => peakMib)),
    rssMib: first === null || last === null ? null : [first, last],
    runs: runs.length,
  };
}
