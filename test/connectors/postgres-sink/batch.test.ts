import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Change, foldChanges } from '../../../connectors/postgres-sink/batch.ts';

const put = (key: string, row: Record<string, unknown>, unchanged: string[] = []): Change => ({
  keyBody: key,
  key: { id: key },
  row,
  unchanged,
});
const remove = (key: string): Change => ({ keyBody: key, key: { id: key }, row: null, unchanged: [] });

test('the last change of a key wins', () => {
  const batch = foldChanges([put('a', { v: 1 }), put('b', { v: 2 }), put('a', { v: 3 })]);
  expect(batch.upserts).toEqual([{ unchanged: [], rows: [put('a', { v: 3 }), put('b', { v: 2 })] }]);
  expect(batch.deletes).toEqual([]);
});

test('an insert after a delete of the same key is not lost, nor a delete after an insert', () => {
  const batch = foldChanges([remove('a'), put('a', { v: 1 }), put('b', { v: 1 }), remove('b')]);
  expect(batch.upserts).toEqual([{ unchanged: [], rows: [put('a', { v: 1 })] }]);
  expect(batch.deletes).toEqual([remove('b')]);
});

test('a folded row keeps the unchanged columns of the rows before it', () => {
  const batch = foldChanges([
    put('a', { v: 1, big: 'text', other: 'o' }),
    put('a', { v: 2, big: null, other: 'p' }, ['big']),
    put('a', { v: 3, big: null, other: null }, ['big', 'other']),
  ]);
  expect(batch.upserts).toEqual([{ unchanged: [], rows: [put('a', { v: 3, big: 'text', other: 'p' })] }]);
});

test('a column that no row of the batch carries stays unchanged', () => {
  const batch = foldChanges([
    put('a', { v: 1, big: null, other: 'o' }, ['big']),
    put('a', { v: 2, big: null, other: null }, ['big', 'other']),
  ]);
  expect(batch.upserts).toEqual([
    { unchanged: ['big'], rows: [put('a', { v: 2, big: null, other: 'o' }, ['big'])] },
  ]);
});

test('rows with different unchanged columns are apart, the order of the names aside', () => {
  const batch = foldChanges([
    put('a', {}, ['x', 'y']),
    put('b', {}, ['y', 'x']),
    put('c', {}, ['x']),
    put('d', {}),
  ]);
  expect(batch.upserts.map((group) => group.rows.map((row) => row.keyBody))).toEqual([
    ['a', 'b'],
    ['c'],
    ['d'],
  ]);
});

const TRUNCATE: Change = { keyBody: '', key: {}, row: null, unchanged: [], isTruncate: true };

test('a truncate takes what came before it out of the batch, and leaves what comes behind', () => {
  const batch = foldChanges([put('a', { v: 1 }), remove('b'), TRUNCATE, put('c', { v: 2 })]);
  expect(batch).toEqual({
    truncates: true,
    upserts: [{ unchanged: [], rows: [put('c', { v: 2 })] }],
    deletes: [],
  });
});

test('where deleted rows are kept, one that comes and goes within a batch is written as deleted', () => {
  const changes = [put('a', { v: 1 }), { ...remove('a'), meta: { __lsn: 7n } }, remove('a'), remove('b')];
  const batch = foldChanges(changes, true);
  const gone = { ...put('a', { v: 1 }), meta: { __lsn: 7n }, isDeleted: true };
  expect(batch.upserts).toEqual([{ unchanged: [], rows: [gone] }]);
  expect(batch.deletes).toEqual([remove('b')]);
  const truncated = foldChanges([put('a', { v: 1 }), TRUNCATE], true);
  expect(truncated.upserts).toEqual([{ unchanged: [], rows: [{ ...put('a', { v: 1 }), isDeleted: true }] }]);
});

test('of two records for one deletion the one that says where it was stays', () => {
  const told = { ...remove('a'), meta: { __lsn: 7n } };
  expect(foldChanges([told, remove('a')]).deletes).toEqual([told]);
});

test('any changes fold to the map that applying them one by one gives, sorted by key bytes', () => {
  const change = fc.record({
    key: fc.constantFrom('\u0000', 'a', 'b', '\u00ff'),
    value: fc.option(fc.integer()),
  });
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const wanted = new Map(changes.map(({ key, value }) => [key, value]));
      const batch = foldChanges(
        changes.map(({ key, value }) => (value === null ? remove(key) : put(key, { value }))),
      );
      const rows = batch.upserts.flatMap((group) => group.rows);
      const found = [...rows, ...batch.deletes].map((c): [string, unknown] => [
        c.keyBody,
        c.row?.['value'] ?? null,
      ]);
      expect(new Map(found)).toEqual(wanted);
      expect(found).toHaveLength(wanted.size);
      for (const part of [rows, batch.deletes]) {
        const keys = part.map((c) => Buffer.from(c.keyBody, 'latin1'));
        expect(keys).toEqual(keys.toSorted((a, b) => Buffer.compare(a, b)));
      }
    }),
  );
});
