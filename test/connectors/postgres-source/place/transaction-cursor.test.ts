import { expect, test } from 'vitest';
import { AssertionFailure } from '../../../../infra/process/assert.ts';
import { TransactionCursor } from '../../../../connectors/postgres-source/place/transaction-cursor.ts';

/** Reads a transaction of `changes` changes: which of them are new, and whether it moves the position. */
function read(
  cursor: TransactionCursor,
  finalLsn: bigint,
  changes: number,
): { fresh: number[]; moves: boolean } {
  cursor.begin(finalLsn);
  const fresh: number[] = [];
  for (let i = 0; i < changes; i++) if (cursor.next(i)) fresh.push(cursor.seq);
  return { fresh, moves: cursor.commit() };
}

test('changes are numbered from 1 in each transaction', () => {
  const cursor = new TransactionCursor({ endLsn: 100n, open: null });
  expect(read(cursor, 100n, 3)).toEqual({ fresh: [1, 2, 3], moves: true });
  expect(read(cursor, 200n, 2)).toEqual({ fresh: [1, 2], moves: true });
});

test('a transaction whose commit record starts exactly at the position is new (adjacent commits)', () => {
  const cursor = new TransactionCursor({ endLsn: 0x177c328n, open: null });
  expect(read(cursor, 0x177c2f8n, 1)).toEqual({ fresh: [], moves: false });
  expect(read(cursor, 0x177c328n, 1)).toEqual({ fresh: [1], moves: true });
});

test('a transaction that was published in part goes on behind that part, with the same numbers', () => {
  const cursor = new TransactionCursor({ endLsn: 100n, open: { finalLsn: 150n, seq: 3 } });
  expect(read(cursor, 150n, 5)).toEqual({ fresh: [4, 5], moves: true });
  expect(read(cursor, 180n, 2)).toEqual({ fresh: [1, 2], moves: true });
});

test('the published part belongs to its own transaction only', () => {
  const cursor = new TransactionCursor({ endLsn: 100n, open: { finalLsn: 150n, seq: 3 } });
  expect(read(cursor, 120n, 2).fresh).toEqual([1, 2]);
});

test('a change outside of a transaction, and a transaction within another, are refused', () => {
  const cursor = new TransactionCursor({ endLsn: 0n, open: null });
  expect(() => cursor.next(0)).toThrow(AssertionFailure);
  expect(() => cursor.commit()).toThrow(AssertionFailure);
  cursor.begin(1n);
  expect(() => cursor.begin(2n)).toThrow(AssertionFailure);
});

/** The prefix of `changes`, read in a transaction. */
function prefixOf(changes: readonly number[]): number {
  const cursor = new TransactionCursor({ endLsn: 0n, open: null });
  cursor.begin(150n);
  for (const change of changes) cursor.next(change);
  return cursor.prefix;
}

test('a published part is skipped only if it is what is read again', () => {
  const open = { finalLsn: 150n, seq: 3, prefix: prefixOf([7, 8, 9]) };
  const again = (changes: readonly number[]): boolean[] => {
    const cursor = new TransactionCursor({ endLsn: 100n, open });
    cursor.begin(150n);
    const fresh = changes.map((change) => cursor.next(change));
    cursor.commit();
    return fresh;
  };
  expect(again([7, 8, 9, 10])).toEqual([false, false, false, true]);
  const refused = expect.objectContaining({ code: 'source.prefix_changed' });
  for (const others of [
    [7, 8, 10, 9],
    [8, 7, 9, 10],
    [7, 8],
  ])
    expect(() => again(others)).toThrow(refused);
});
