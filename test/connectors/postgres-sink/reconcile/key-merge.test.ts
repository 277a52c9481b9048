import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Difference,
  type HashedRow,
  type NextBatch,
  mergeByKey,
} from '../../../../connectors/postgres-sink/reconcile/key-merge.ts';

const row = (key: string, hash: string): HashedRow => ({ key, shown: [key], hash });

/** Rows in batches of this size. */
function batches(rows: readonly HashedRow[], size: number): NextBatch {
  let at = 0;
  return async () => rows.slice(at, (at += size));
}

async function differences(
  source: readonly HashedRow[],
  target: readonly HashedRow[],
  size: number,
): Promise<Difference[]> {
  const found: Difference[] = [];
  await mergeByKey(
    batches(source, size),
    batches(target, size),
    (difference) => found.push(difference),
    (side, { key }) => {
      throw new Error(`${side} ${key}`);
    },
  );
  return found;
}

const side = fc.dictionary(fc.constantFrom(...'0123456789abcdef'.split('')), fc.constantFrom('1', '2'));
const rowsOf = (keys: Record<string, string>): HashedRow[] =>
  Object.keys(keys)
    .toSorted()
    .map((key) => row(key, keys[key] ?? ''));

test('every key that differs is told once, in key order, whatever the batches', async () => {
  await fc.assert(
    fc.asyncProperty(side, side, fc.integer({ min: 1, max: 5 }), async (ours, theirs, size) => {
      const keys = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].toSorted();
      const expected = keys
        .filter((key) => ours[key] !== theirs[key])
        .map((key) => [
          key,
          ours[key] === undefined ? 'extra' : theirs[key] === undefined ? 'missing' : 'different',
        ]);
      const found = await differences(rowsOf(ours), rowsOf(theirs), size);
      expect(found.map(({ key, kind }) => [key, kind])).toEqual(expected);
    }),
  );
});

test('a key that a side has twice is told, also across batches', async () => {
  const twice = [row('1', 'a'), row('2', 'b'), row('2', 'b')];
  for (const size of [1, 2, 3]) {
    await expect(differences(twice, [row('1', 'a')], size)).rejects.toThrow('source 2');
    await expect(differences([row('3', 'a')], twice, size)).rejects.toThrow('target 2');
  }
});
