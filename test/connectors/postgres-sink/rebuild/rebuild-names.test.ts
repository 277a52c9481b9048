import { expect, test } from 'vitest';
import { sibling } from '../../../../connectors/postgres-sink/rebuild/rebuild-names.ts';

test('a name that fits keeps its letters', () => {
  expect(sibling('orders', '__rebuild')).toBe('orders__rebuild');
});

test('long names are cut to what Postgres keeps, between characters, and stay apart', () => {
  const [one, other] = [`${'ä'.repeat(30)}1`, `${'ä'.repeat(30)}2`].map((name) => sibling(name, '__old'));
  expect(one).not.toBe(other);
  for (const name of [one, other]) {
    expect(Buffer.byteLength(name ?? '')).toBeLessThanOrEqual(63);
    expect(name).toMatch(/^ä+_[0-9a-f]{8}__old$/);
  }
});
