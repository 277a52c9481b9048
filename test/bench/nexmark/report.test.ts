import { expect, test } from 'vitest';
import type { CatchUp } from './catch-up.ts';
import { type QueryResults, queryFigures, queryTable } from './report.ts';

const run = (records: number, seconds: number, cpuSeconds: number, peakMib: number): CatchUp => ({
  records,
  seconds,
  cpuSeconds,
  peakMib,
});

const RESULTS: QueryResults = new Map([
  [
    'millrace',
    {
      runs: [run(1_000, 1, 0.5, 100), run(1_000, 2, 0.25, 300), run(1_000, 4, 1, 200)],
      latency: { p50: 40, p99: 90, runs: 3 },
    },
  ],
  ['kafka-streams', { runs: [run(1_000, 4, 2, 300)], latency: { p50: 100, p99: 45, runs: 3 } }],
]);

test('figures are medians, and a ratio above 1 is in our favour whichever way is better', () => {
  const figures = queryFigures('join', 'join', RESULTS);
  const short = figures.map(({ metric, ours, theirs, ratioPeer, runs }) => [
    metric,
    ours,
    theirs,
    ratioPeer,
    runs,
  ]);
  expect(short).toEqual([
    ['records per second', 500, 250, 2, 3],
    ['records per CPU-second', 2_000, 500, 4, 3],
    ['peak RSS MiB', 200, 300, 1.5, 3],
    ['p50 latency ms', 40, 100, 2.5, 3],
    ['p99 latency ms', 90, 45, 0.5, 3],
  ]);
  expect(figures.every(({ bench, peer }) => bench === 'join' && peer === 'kafka-streams')).toBe(true);
});

test('the table says which aims are met', () => {
  const text = queryTable('join', queryFigures('join', 'join', RESULTS));
  expect(text).toContain('met     records per CPU-second: 4x (aim: 1.5x)');
  expect(text).toContain('missed  peak RSS MiB: 1.5x (aim: 2x)');
});

test('a peer that was left out leaves figures of ours alone', () => {
  const ours = new Map([...RESULTS].filter(([system]) => system === 'millrace'));
  const figures = queryFigures('join', 'join', ours);
  expect(figures).toHaveLength(5);
  expect(figures.some(({ peer, ratioPeer }) => peer !== undefined || ratioPeer !== undefined)).toBe(false);
});
