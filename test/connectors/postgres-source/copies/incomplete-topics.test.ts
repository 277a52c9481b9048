import { expect, test } from 'vitest';
import { CopyBook, newCopy } from '../../../../connectors/postgres-source/copies/copy-state.ts';
import { incompleteTopics } from '../../../../connectors/postgres-source/copies/incomplete-topics.ts';
import { NO_REFUSALS, RefusalBook } from '../../../../connectors/postgres-source/shapes/refusal-state.ts';

const table = (oid: number, name: string) => ({ oid, schema: 'public', table: name });
const topicOf = ({ table: name }: { readonly table: string }): string => name;
const incomplete = (
  copies: CopyBook,
  tables: readonly ReturnType<typeof table>[],
  refusals = new RefusalBook(NO_REFUSALS),
): readonly string[] => incompleteTopics(tables, { copies, refusals, topicOf });

test('a topic is incomplete from the first row of its table until the copy is through', () => {
  const book = new CopyBook({ copied: [1], open: [] });
  const tables = [table(1, 'old'), table(2, 'added')];
  expect(incomplete(book, tables)).toEqual(['added']);
  book.begin(newCopy(2, false));
  expect(incomplete(book, tables)).toEqual(['added']);
  book.finish(2);
  expect(incomplete(book, tables)).toEqual([]);
});

test('so is that of a table that is copied again as a whole, not that of one of which some rows are', () => {
  const book = new CopyBook({ copied: [1], open: [newCopy(1, false, 'id < 7')] });
  expect(incomplete(book, [table(1, 'a')])).toEqual([]);
  book.begin(newCopy(1, false));
  expect(incomplete(book, [table(1, 'a')])).toEqual(['a']);
});

test('so is that of a table whose shape was refused', () => {
  const refusals = new RefusalBook(NO_REFUSALS);
  refusals.pause('public.a', { lsn: 1n, seq: 1, replayed: false }, 'shape', 'reason');
  const book = new CopyBook({ copied: [1, 2], open: [] });
  expect(incomplete(book, [table(1, 'a'), table(2, 'b')], refusals)).toEqual(['a']);
});

test('a table that was made anew is complete when the new one is copied', () => {
  const book = new CopyBook({ copied: [2], open: [] });
  expect(incomplete(book, [table(1, 'a'), table(2, 'a')])).toEqual([]);
});
