import { medianOfKnown, partsWith } from '../bench-parts.ts';
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

/** {@link partsWith} of {@link PARTS}. */
export const chosenParts = (words: readonly string[]): ReadonlySet<Part> => partsWith(PARTS, words);

export function mediansOf(runs: readonly PartRun[]): PartFigures {
  const first = medianOfKnown(runs.map(({ rssMib }) => rssMib?.[0]));
  const last = medianOfKnown(runs.map(({ rssMib }) => rssMib?.[1]));
  return {
    rowsPerSecond: median(runs.map(({ rowsPerSecond }) => rowsPerSecond)),
    cpuMicrosPerRow: medianOfKnown(runs.map(({ cpuMicrosPerRow }) => cpuMicrosPerRow)),
    peakMib: medianOfKnown(runs.map(({ peakMib }) => peakMib)),
    ...(first === null || last === null ? {} : { rssMib: [first, last] as const }),
    runs: runs.length,
  };
}
