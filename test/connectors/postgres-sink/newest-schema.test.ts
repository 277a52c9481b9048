import { expect, test } from 'vitest';
import { absentFields, withNewest } from '../../../connectors/postgres-sink/newest-schema.ts';
import { describeTable } from '../../../connectors/postgres-sink/target-table.ts';
import type { AvroField, AvroRecord } from '../../../schemas/avro-schema.ts';

const record = (doc: string, ...fields: AvroField[]): AvroRecord => ({
  type: 'record',
  name: 'R',
  doc,
  fields,
});
const KEY = record('', { name: 'id', type: 'int' });
const OLD = record('old', { name: 'id', type: 'int' }, { name: 'gone', type: 'int', doc: 'old' });
const NEW = record('new', { name: 'id', type: 'int', doc: 'new' }, { name: 'more', type: 'int' });

test('the newest schema says which columns are dropped, and the comments, whatever came before', () => {
  const table = describeTable({ schema: 'public', table: 't' }, KEY, NEW, null);
  const after = withNewest(describeTable(table.name, KEY, OLD, table), NEW);
  expect(after.comment).toBe('new');
  expect(after.columns.map(({ name, comment, isDropped }) => [name, comment, isDropped])).toEqual([
    ['id', 'new', false],
    ['more', undefined, false],
    ['gone', 'old', true],
  ]);
});

test('a record says nothing of columns that its schema has no field for', () => {
  const both = describeTable({ schema: 'public', table: 't' }, KEY, NEW, null);
  const table = describeTable(both.name, KEY, OLD, both);
  expect([absentFields(table, OLD), absentFields(table, NEW)]).toEqual([['more'], ['gone']]);
});
