import type { ClientName, RunResult } from './client.ts';

/** Records per CPU-second: what a run is compared by. */
export const rateOf = ({ records, cpuSeconds }: RunResult): number => records / cpuSeconds;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** @param sorted ascending. @param part from 0 to 1: 0.5 for the median */
export function percentile(sorted: Float64Array, part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}

/** One figure, as `--json` prints it: ratios are such that larger is better for us. */
export interface Figure {
  readonly bench: string;
  readonly case: string;
  readonly metric: string;
  readonly ours: number;
  readonly ceiling?: number;
  readonly peer?: string;
  readonly theirs?: number;
  readonly ratioCeiling?: number;
  readonly ratioPeer?: number;
  readonly runs: number;
}

/** A figure against each peer that ran, from the median rates. */
export function figures(
  bench: string,
  name: string,
  results: ReadonlyMap<ClientName, readonly RunResult[]>,
): readonly Figure[] {
  const rates = new Map([...results].map(([client, runs]) => [client, median(runs.map(rateOf))]));
  const ours = rates.get('millrace') ?? 0;
  const ceiling = rates.get('socket');
  const runs = results.get('millrace')?.length ?? 0;
  const base = { bench, case: name, metric: 'records per CPU-second', ours: Math.round(ours) };
  const toCeiling =
    ceiling === undefined ? {} : { ceiling: Math.round(ceiling), ratioCeiling: rounded(ours / ceiling) };
  const peers = [...rates].filter(([client]) => client !== 'millrace' && client !== 'socket');
  if (peers.length === 0) return [{ ...base, ...toCeiling, runs }];
  return peers.map(([peer, theirs]) => ({
    ...base,
    ...toCeiling,
    peer,
    theirs: Math.round(theirs),
    ratioPeer: rounded(ours / theirs),
    runs,
  }));
}

const rounded = (ratio: number): number => Math.round(ratio * 100) / 100;
