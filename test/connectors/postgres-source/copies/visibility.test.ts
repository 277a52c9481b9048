import { expect, test } from 'vitest';
import { parseVisibility, sees } from '../../../../connectors/postgres-source/copies/visibility.ts';

test('a snapshot sees what had ended when it was taken, and nothing else', () => {
  const snapshot = parseVisibility('10:20:10,14,15');
  expect([9, 11, 13, 16, 19].map((xid) => sees(snapshot, xid))).toEqual([true, true, true, true, true]);
  expect([10, 14, 15, 20, 21].map((xid) => sees(snapshot, xid))).toEqual([false, false, false, false, false]);
});

test('nothing runs: the list is empty', () => {
  const snapshot = parseVisibility('20:20:');
  expect([sees(snapshot, 19), sees(snapshot, 20)]).toEqual([true, false]);
});

test('the 32 bits of a stream xid are compared with 64, over the wrap', () => {
  const epoch = 7 * 2 ** 32;
  const snapshot = parseVisibility(`${epoch - 5}:${epoch + 5}:${epoch - 5},${epoch + 3}`);
  const low = (xid: number): number => ((xid % 2 ** 32) + 2 ** 32) % 2 ** 32;
  const seen = [-6, -5, -4, -1, 0, 2, 3, 4, 5, 6].filter((offset) => sees(snapshot, low(epoch + offset)));
  expect(seen).toEqual([-6, -4, -1, 0, 2, 4]);
});

test('a text that is no snapshot is refused', () => {
  expect(() => parseVisibility('10:20')).toThrow(SyntaxError);
});
