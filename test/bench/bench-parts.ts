import { median } from './figures.ts';

/** Every part that has one of the words in its name, between hyphens; all of them when there are no words. */
export function partsWith<P extends string>(parts: readonly P[], words: readonly string[]): ReadonlySet<P> {
  const isChosen = (part: string): boolean =>
    words.length === 0 || words.some((word) => `-${part}-`.includes(`-${word}-`));
  return new Set(parts.filter(isChosen));
}

/** The median of what is known; null where nothing is. */
export function medianOfKnown(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length === 0 ? null : median(known);
}

/** Cells in columns so wide, the first to the left, the others to the right. */
export function tableLine(columns: readonly number[], cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i === 0 ? cell.padEnd(columns[0] ?? 0) : cell.padStart(columns[i] ?? 0)))
    .join('  ')
    .trimEnd();
}
