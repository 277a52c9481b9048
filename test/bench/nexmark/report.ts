import { type Figure, median } from '../figures.ts';
import type { Query } from './queries.ts';
import type { CatchUp } from './catch-up.ts';
import type { SystemName } from './system.ts';

/** What one query came to on one system. */
export interface Measured {
  readonly runs: readonly CatchUp[];
  /** Milliseconds, median of the paced runs; null where there was none. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly runs: number } | null;
}

export type QueryResults = ReadonlyMap<SystemName, Measured>;

interface Metric {
  readonly name: string;
  readonly digits: number;
  readonly isLessBetter: boolean;
  /** Least ratio in our favour that is aimed at. */
  readonly aim?: number;
  readonly of: (measured: Measured) => number | null;
}

const ofRuns =
  (value: (run: CatchUp) => number) =>
  ({ runs }: Measured): number | null =>
    runs.length === 0 ? null : median(runs.map(value));

const METRICS: readonly Metric[] = [
  {
    name: 'records per second',
    digits: 0,
    isLessBetter: false,
    of: ofRuns(({ records, seconds }) => records / seconds),
  },
  {
    name: 'records per CPU-second',
    digits: 0,
    isLessBetter: false,
    aim: 1.5,
    of: ofRuns(({ records, cpuSeconds }) => records / cpuSeconds),
  },
  { name: 'peak RSS MiB', digits: 0, isLessBetter: true, aim: 2, of: ofRuns(({ peakMib }) => peakMib) },
  { name: 'p50 latency ms', digits: 1, isLessBetter: true, of: ({ latency }) => latency?.p50 ?? null },
  { name: 'p99 latency ms', digits: 1, isLessBetter: true, of: ({ latency }) => latency?.p99 ?? null },
];

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

/** One line per metric that was measured: medians, and how often we are as good. */
export function queryFigures(bench: string, query: Query, results: QueryResults): readonly Figure[] {
  const [ours, theirs] = [results.get('millrace'), results.get('kafka-streams')];
  if (ours === undefined) return [];
  return METRICS.flatMap(({ name, digits, isLessBetter, of }): Figure[] => {
    const mine = of(ours);
    if (mine === null) return [];
    const peer = theirs === undefined ? null : of(theirs);
    const runs = name.includes('latency') ? (ours.latency?.runs ?? 0) : ours.runs.length;
    const figure = { bench, case: query, metric: name, ours: rounded(mine, digits), runs };
    if (peer === null) return [figure];
    const ratioPeer = rounded(isLessBetter ? peer / mine : mine / peer, 2);
    return [{ ...figure, peer: 'kafka-streams', theirs: rounded(peer, digits), ratioPeer }];
  });
}

const HEADS = ['', 'millrace', 'kafka-streams', 'ratio', 'runs'] as const;
const WIDTHS = [24, 12, 14, 8, 6] as const;

const tableLine = (cells: readonly string[]): string =>
  cells
    .map((cell, i) => (i === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[i] ?? 0)))
    .join('')
    .trimEnd();

/** For a person: the figures, then the aims. */
export function queryTable(query: Query, figures: readonly Figure[]): string {
  const lines = figures.map(({ metric, ours, theirs, ratioPeer, runs }) =>
    tableLine([
      metric,
      String(ours),
      theirs === undefined ? '' : String(theirs),
      ratioPeer === undefined ? '' : `${ratioPeer}x`,
      String(runs),
    ]),
  );
  const aims = figures.flatMap(({ metric, ratioPeer }) => {
    const aim = METRICS.find(({ name }) => name === metric)?.aim;
    if (aim === undefined || ratioPeer === undefined) return [];
    return [`${ratioPeer >= aim ? 'met   ' : 'missed'}  ${metric}: ${ratioPeer}x (aim: ${aim}x)`];
  });
  return [tableLine([query, ...HEADS.slice(1)]), ...lines, ...aims].join('\n');
}
