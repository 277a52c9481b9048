import { expect, test } from 'vitest';
import { silentLog } from '../../infra/process/log.ts';
import {
  decodeCutOrigin,
  decodeProgress,
  encodeCutOrigin,
  encodeProgress,
  isProgress,
} from '../../schemas/progress.ts';

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

test("a stranger's record in a progress topic is told of and passed over", () => {
  const value = encodeProgress({ endLsn: 5n, commitTs: 6n, systemId: '7', offsets: {} });
  const warned: object[] = [];
  const log = { ...silentLog, warn: (fields: object) => void warned.push(fields) };
  const tells = (key: Buffer | null, bytes: Buffer | null) =>
    isProgress({ topic: 'p.progress', offset: 3, key, value: bytes }, log);
  const key = Buffer.from('slot');
  expect([tells(key, value), tells(key, null)]).toEqual([true, true]);
  expect(warned).toEqual([]);
  // A NUL is no text for Postgres, and no LSN has more than 64 bits.
  const large = Buffer.from(String(value).replace('"5"', `"${2n ** 64n}"`));
  const strangers = [
    tells(key, Buffer.from('no JSON')),
    tells(null, value),
    tells(Buffer.from([0, 1]), null),
    tells(key, large),
  ];
  expect(strangers).toEqual([false, false, false, false]);
  expect(warned).toHaveLength(4);
  expect(JSON.stringify(warned)).not.toContain('no JSON');
});
