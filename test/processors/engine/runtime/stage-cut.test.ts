import { expect, test } from 'vitest';
import { StageCut } from '../../../../processors/engine/runtime/stage-cut.ts';

const FED = [
  { name: 'between', isInternal: true, feeders: new Set(['in']) },
  { name: 'out', isInternal: false, feeders: new Set(['between', 'table']) },
];
const CUT = { endLsn: 7n, commitTs: 1n, systemId: '1', offsets: { in: [5, 0], table: [3] } };

/** A stage whose committed offsets and ends a test sets. */
function stage(committed: Record<string, readonly number[]>, ends: Record<string, readonly number[]>) {
  const asked = (of: Record<string, readonly number[]>) => (topics: readonly string[]) =>
    Promise.resolve(new Map(topics.map((topic) => [topic, of[topic] ?? []])));
  return new StageCut(CUT, FED, { committed: asked(committed), highWatermarks: asked(ends) });
}

test('a cut comes to a topic when all that feeds it is passed, and takes its end of then', async () => {
  const committed: Record<string, readonly number[]> = { in: [4, 0], table: [3], between: [9] };
  const ends: Record<string, readonly number[]> = { between: [10], out: [2, 2] };
  const cut = stage(committed, ends);
  expect(await cut.follow()).toBeNull();
  committed['in'] = [5, 0];
  expect(await cut.follow()).toBeNull();
  ends['between'] = [99];
  committed['between'] = [10];
  ends['out'] = [6, 2];
  expect(await cut.follow()).toEqual({ out: [6, 2] });
});

test('a partition of any input that is behind holds the cut back', async () => {
  const ends = { between: [0], out: [1] };
  expect(await stage({ in: [5, 0], table: [2], between: [0] }, ends).follow()).toBeNull();
  expect(await stage({ in: [5, 0], table: [3], between: [0] }, ends).follow()).toEqual({ out: [1] });
});
