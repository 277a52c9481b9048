import { expect, test } from 'vitest';
import { isNewer } from '../../../../connectors/postgres-sink/rebuild/older-snapshots.ts';

test('a snapshot is newer when all that it waits for began after the moment, over the wrap of the 32 bits too', () => {
  expect(isNewer('700', '701')).toBe(false);
  expect(isNewer('701', '701')).toBe(true);
  expect(isNewer('5', String(2n ** 32n - 3n))).toBe(true);
  expect(isNewer(String(2n ** 32n - 3n), String(2n ** 32n + 5n))).toBe(false);
});
