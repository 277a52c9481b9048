import { expect, test } from 'vitest';
import { WaitingCuts } from '../../../connectors/postgres-sink/waiting-cuts.ts';
import { encodeCutOrigin, encodeProgress } from '../../../schemas/progress.ts';

const KEY = encodeCutOrigin({ source: 'slot', writer: 'app' });
const at =
  (...offsets: readonly (number | undefined)[]) =>
  (_topic: string, partition: number) =>
    offsets[partition];
const cut = (endLsn: number, offsets: readonly number[]): Buffer =>
  encodeProgress({ endLsn: BigInt(endLsn), commitTs: 1n, systemId: '1', offsets: { t: offsets } });
const lsnsOf = (cuts: ReturnType<WaitingCuts['passed']>): readonly bigint[] => cuts.map(({ lsn }) => lsn);

test('the newest cut that all known partitions have passed is told, and not again once it is recorded', () => {
  const cuts = new WaitingCuts(['t', 'u']);
  for (const n of [1, 2, 3]) cuts.receive(KEY, cut(n, [n, 10 * n]));
  expect(lsnsOf(cuts.passed(at(2, 30)))).toEqual([2n]);
  expect(lsnsOf(cuts.passed(at(undefined, 30)))).toEqual([3n]);
  expect(lsnsOf(cuts.passed(at()))).toEqual([]);
  cuts.recorded(cuts.passed(at(2, 30)));
  expect(lsnsOf(cuts.passed(at(2, 30)))).toEqual([]);
  cuts.receive(KEY, cut(2, [2, 20]));
  expect(lsnsOf(cuts.passed(at(2, 30)))).toEqual([]);
  expect(lsnsOf(cuts.passed(at(3, 30)))).toEqual([3n]);
});

test('a sink that is far behind its cuts keeps the nearest, and the newest', () => {
  const cuts = new WaitingCuts(['t']);
  for (let n = 1; n <= 1_000; n++) cuts.receive(KEY, cut(n, [n]));
  expect(lsnsOf(cuts.passed(at(200)))).toEqual([63n]);
  expect(lsnsOf(cuts.passed(at(1_000)))).toEqual([1_000n]);
});

test('a tombstone takes back what was said under its key', () => {
  const cuts = new WaitingCuts(['t']);
  cuts.receive(KEY, cut(1, [1]));
  expect(cuts.receive(KEY, null)).toEqual({ source: 'slot', writer: 'app' });
  expect(cuts.passed(at(5))).toEqual([]);
});

test('a table that is still being copied stands for nothing', () => {
  const cuts = new WaitingCuts(['t']);
  const said = { endLsn: 1n, commitTs: 1n, systemId: '1', offsets: { t: [1] } };
  cuts.receive(KEY, encodeProgress({ ...said, incomplete: ['t'] }));
  expect(cuts.passed(at(5))).toEqual([]);
  cuts.receive(KEY, encodeProgress(said));
  expect(cuts.passed(at(5))).toHaveLength(1);
});
