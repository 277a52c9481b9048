import { expect, test } from 'vitest';
import {
  NO_REFUSALS,
  RefusalBook,
  reachedRefusals,
} from '../../../../connectors/postgres-source/shapes/refusal-state.ts';

const at = (lsn: bigint, seq: number) => ({ lsn, seq, replayed: false });

test('S98 what lies ahead of the position is forgotten at the start, and what lies behind it is kept', () => {
  const book = new RefusalBook(NO_REFUSALS);
  book.pause('public.a', at(10n, 5), 'shape', 'refused');
  book.moveTo('public.b', 2, at(20n, 3));
  const reached = (endLsn: bigint, open: { finalLsn: bigint; seq: number } | null) => {
    const { paused, versions } = reachedRefusals(book.state, { endLsn, open });
    return [paused.map(({ table }) => table), versions.map(({ table }) => table)];
  };
  expect(reached(10n, null)).toEqual([[], []]);
  expect(reached(11n, null)).toEqual([['public.a'], []]);
  expect(reached(20n, { finalLsn: 20n, seq: 2 })).toEqual([['public.a'], []]);
  expect(reached(20n, { finalLsn: 20n, seq: 3 })).toEqual([['public.a'], ['public.b']]);
});

test('a table is paused at the first place: rows are missing from there on', () => {
  const book = new RefusalBook(NO_REFUSALS);
  book.pause('public.a', at(10n, 5), 'one', 'refused');
  book.pause('public.a', at(30n, 1), 'two', 'refused');
  expect(book.paused('public.a')).toMatchObject({ lsn: '10', seq: 5, shape: 'one' });
  book.resume('public.a');
  expect(book.paused('public.a')).toBeUndefined();
});

test('a table has one version, the last that it moved to', () => {
  const book = new RefusalBook(NO_REFUSALS);
  expect(book.version('public.a')).toBe(1);
  book.moveTo('public.a', 2, at(10n, 1));
  book.moveTo('public.a', 3, at(11n, 1));
  expect(book.version('public.a')).toBe(3);
  expect(book.state.versions).toHaveLength(1);
});
