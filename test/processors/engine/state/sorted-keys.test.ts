import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryKeyValueStore } from '../../../../processors/engine/state/memory-key-value-store.ts';
import { prefixEnd, prefixScan } from '../../../../processors/engine/state/prefix-scan.ts';
import { SortedKeys } from '../../../../processors/engine/state/sorted-keys.ts';

/** Enough for several pieces, so that they are halved and emptied. */
const KEYS = 3_000;

const all = (keys: SortedKeys): string[] => [...keys.range('', null)];
const sortedSet = (set: ReadonlySet<string>): string[] => [...set].sort();

test('keys that come and go in any order are scanned in order', () => {
  const numbers = fc.sample(fc.integer({ min: 0, max: 4 * KEYS }), { seed: 5, numRuns: 4 * KEYS });
  const [first, rest] = [numbers.slice(0, KEYS), numbers.slice(KEYS)];
  const model = new Set(first.map(String));
  const keys = new SortedKeys(model);
  expect(all(keys)).toEqual(sortedSet(model));
  for (const key of rest.map(String))
    if (model.delete(key)) keys.delete(key);
    else {
      model.add(key);
      keys.add(key);
    }
  expect(all(keys)).toEqual(sortedSet(model));
  expect([...keys.range('15', '2')]).toEqual(sortedSet(model).filter((key) => key >= '15' && key < '2'));
  for (const key of model) keys.delete(key);
  expect(all(keys)).toEqual([]);
  keys.add('again');
  expect(all(keys)).toEqual(['again']);
});

const bytes = fc.array(fc.constantFrom(0, 1, 0xfe, 0xff), { maxLength: 3 }).map((list) => Buffer.from(list));

test('a prefix finds exactly the keys that begin with it', () => {
  fc.assert(
    fc.property(fc.array(bytes), bytes, (keys, prefix) => {
      const store = memoryKeyValueStore('store');
      for (const key of keys) store.put(key, key);
      const expected = new Set(
        keys
          .filter((key) => key.subarray(0, prefix.length).equals(prefix))
          .map((key) => key.toString('latin1')),
      );
      expect([...prefixScan(store, prefix)].map(({ key }) => key.toString('latin1'))).toEqual(
        sortedSet(expected),
      );
    }),
  );
});

test('nothing comes after a prefix of highest bytes', () => {
  expect(prefixEnd(Buffer.from([0xff, 0xff]))).toBeNull();
  expect(prefixEnd(Buffer.from([1, 0xff]))).toEqual(Buffer.from([2]));
});
