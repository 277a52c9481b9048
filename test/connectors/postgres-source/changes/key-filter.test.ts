import { expect, test } from 'vitest';
import { KeyFilter } from '../../../../connectors/postgres-source/changes/key-filter.ts';

const KEYS = 10_000;
const key = (i: number): Buffer => Buffer.from(`key-${i}`);

test('every key that was added is known, of the others nearly none', () => {
  const filter = new KeyFilter();
  for (let i = 0; i < KEYS; i++) filter.add(1, key(i));
  const has = (space: number, i: number): boolean => filter.mayHave(space, key(i), 0, key(i).length);
  const known = Array.from({ length: KEYS }, (_, i) => i);
  expect(known.every((i) => has(1, i))).toBe(true);
  expect(known.filter((i) => has(1, KEYS + i)).length).toBeLessThan(KEYS / 100);
  expect(known.filter((i) => has(2, i)).length).toBeLessThan(KEYS / 100);
});

test('a key is found within the bytes around it', () => {
  const filter = new KeyFilter();
  filter.add(1, Buffer.from('body'));
  expect(filter.mayHave(1, Buffer.from('12345body'), 5, 9)).toBe(true);
});
