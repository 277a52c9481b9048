import { expect, test } from 'vitest';
import {
  CopyBook,
  NO_COPIES,
  newCopy,
  reachedCopies,
} from '../../../../connectors/postgres-source/copies/copy-state.ts';

test('the first copy is done when every table of it is; an added table does not hold it back', () => {
  const book = new CopyBook({ ...NO_COPIES, open: [newCopy(1, true), newCopy(2, false)] });
  expect(book.initialDone).toBe(false);
  book.finish(1);
  expect(book.initialDone).toBe(true);
  expect(book.state).toEqual({ copied: [1], open: [newCopy(2, false)] });
});

test('a chunk moves its copy and leaves the others', () => {
  const book = new CopyBook({ ...NO_COPIES, open: [newCopy(1, true), newCopy(2, true)] });
  const before = book.state;
  book.advance({ ...newCopy(1, true), cursor: ['9'], chunks: 1, rows: 9 });
  expect(book.state.open.map(({ oid, chunks }) => [oid, chunks])).toEqual([
    [1, 1],
    [2, 0],
  ]);
  expect(before.open[0]?.chunks).toBe(0);
});

test('S75 a table that leaves the publication is forgotten, and copied again when it comes back', () => {
  const book = new CopyBook({ copied: [1], open: [newCopy(2, true)] });
  book.keepOnly(new Set([3]));
  expect(book.state).toEqual(NO_COPIES);
  expect(book.unknown([1, 3])).toEqual([1, 3]);
});

test('a backfill of a copied table copies it from its first row', () => {
  const book = new CopyBook({ copied: [1], open: [] });
  book.begin(newCopy(1, false, 'id > 5'));
  book.finish(1);
  expect(book.state).toEqual({ copied: [1], open: [] });
});

test('S43 a copy to a new topic that lies ahead of the position is an ordinary one until the stream comes there', () => {
  const moved = { lsn: '100', seq: 7 };
  const state = { copied: [1], open: [{ ...newCopy(1, false), moved }] };
  const after = (endLsn: bigint, open: { finalLsn: bigint; seq: number } | null) =>
    reachedCopies(state, { endLsn, open }).open[0]?.moved;
  expect(after(100n, null)).toBeUndefined();
  expect(after(90n, { finalLsn: 100n, seq: 6 })).toBeUndefined();
  expect(after(90n, { finalLsn: 100n, seq: 7 })).toEqual(moved);
  expect(after(101n, null)).toEqual(moved);
});
