import { expect, test } from 'vitest';
import { ValueCache } from '../../../../processors/engine/state/value-cache.ts';

const VALUE = Buffer.alloc(1_000);

test('what is known of a key is a value, or that it has none', () => {
  const cache = new ValueCache(1_000_000);
  cache.set('a', VALUE);
  cache.set('b', null);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([VALUE, null, undefined]);
});

test('what is used stays, what is not used goes, and the bound holds', () => {
  const bound = 100_000;
  const cache = new ValueCache(bound);
  const known = (): number =>
    Array.from({ length: 1_000 }, (_, i) => cache.get(`${i}`)).filter((value) => value !== undefined).length;
  cache.set('hot', VALUE);
  for (let i = 0; i < 1_000; i++) {
    cache.set(`${i}`, VALUE);
    expect(cache.get('hot')).toBe(VALUE);
  }
  expect(cache.get('0')).toBeUndefined();
  expect(known()).toBeGreaterThan(20);
  expect(known() * VALUE.length).toBeLessThan(bound);
});
