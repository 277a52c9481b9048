import { expect, test } from 'vitest';
import { decodeCutOrigin, decodeProgress, encodeCutOrigin, encodeProgress } from '../../schemas/progress.ts';

test('a progress cut survives its bytes, 64-bit positions included', () => {
  const cut = {
    endLsn: 2n ** 63n,
    commitTs: 1_700_000_000_000_001n,
    systemId: '7',
    offsets: { 'p.t': [3, 0] },
  };
  expect(decodeProgress(encodeProgress(cut))).toEqual(cut);
});

test('bytes that are no progress cut are refused', () => {
  expect(() => decodeProgress(Buffer.from('{"endLsn":5}'))).toThrow();
});

test('a key tells whose cut it is', () => {
  const origins = [
    { source: 'slot_1', writer: null },
    { source: 'slot_1', writer: 'shop-orders-denorm' },
  ];
  expect(origins.map((origin) => decodeCutOrigin(encodeCutOrigin(origin)))).toEqual(origins);
});
