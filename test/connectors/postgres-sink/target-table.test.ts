import { expect, test } from 'vitest';
import { CHANGE_EVENT_FIELDS } from '../../../schemas/change-event.ts';
import type { AvroField, AvroRecord } from '../../../schemas/avro-schema.ts';
import { describeTable, quotedName } from '../../../connectors/postgres-sink/target-table.ts';

const NAME = { schema: 'public', table: 't' };
const record = (...fields: AvroField[]): AvroRecord => ({ type: 'record', name: 'R', fields });
const KEY = record({ name: 'id', type: 'long' });
const described = (...args: Parameters<typeof describeTable>): string[] =>
  describeTable(...args).columns.map((c) => `${c.name} ${c.type.sql}${c.key ? ' key' : ''}`);

test('the envelope is no part of the table, and a key column is there once', () => {
  const value = record(
    { name: 'id', type: 'long' },
    { name: 'note', type: ['null', 'string'] },
    ...CHANGE_EVENT_FIELDS,
  );
  expect(described(NAME, KEY, value, null)).toEqual(['id bigint key', 'note text']);
});

test('a key column has the origin type that only the value schema names', () => {
  const key = record({ name: 'code', type: 'string' });
  const value = record({ name: 'code', type: 'string', 'pg.type': 'character varying(8)' });
  expect(described(NAME, key, value, null)).toEqual(['code character varying(8) key']);
});

test('columns stand in the order of the value, and the primary key in that of the key', () => {
  const key = record({ name: 'b', type: 'int' }, { name: 'a', type: 'int' });
  const value = record({ name: 'a', type: 'int' }, { name: 'x', type: 'int' }, { name: 'b', type: 'int' });
  const table = describeTable(NAME, key, value, null);
  expect(table.columns.map(({ name }) => name)).toEqual(['a', 'x', 'b']);
  expect(table.primaryKey).toEqual(['b', 'a']);
  expect(describeTable(NAME, key, value, table)).toEqual(table);
});

test('a bare key is the column "key", a bare value the column "value"', () => {
  expect(described(NAME, 'string', 'long', null)).toEqual(['key text key', 'value bigint']);
});

test('tombstones alone describe a table of its key', () => {
  expect(described(NAME, KEY, null, null)).toEqual(['id bigint key']);
});

test('columns take the name that the source column has', () => {
  const value = record({ name: 'unit_price', type: 'int', 'pg.name': 'unit price' } as AvroField);
  expect(described(NAME, KEY, value, null)).toEqual(['id bigint key', 'unit price integer']);
});

test('a newer schema adds and widens columns; what disappears stays; an older schema narrows nothing', () => {
  const old = record({ name: 'a', type: 'int' }, { name: 'gone', type: 'string' });
  const newer = record({ name: 'a', type: 'long' }, { name: 'more', type: 'boolean' });
  const wanted = ['id bigint key', 'a bigint', 'gone text', 'more boolean'];
  const first = describeTable(NAME, KEY, old, null);
  const second = describeTable(NAME, KEY, newer, first);
  expect(described(NAME, KEY, newer, first)).toEqual(wanted);
  expect(described(NAME, KEY, old, second)).toEqual(wanted);
});

test('a type that no widening reaches is refused, with both types named', () => {
  const known = describeTable(NAME, KEY, record({ name: 'a', type: 'string' }), null);
  expect(() => describeTable(NAME, KEY, record({ name: 'a', type: 'int' }), known)).toThrow(
    /column a of public\.t is text and a schema of its topic asks for integer/,
  );
});

test('another key is refused', () => {
  const known = describeTable(NAME, KEY, null, null);
  expect(() => describeTable(NAME, record({ name: 'no', type: 'long' }), null, known)).toThrow(
    /the key of public\.t was \(id\) and a newer record has \(no\)/,
  );
});

test('a field that is another type in key and value is refused', () => {
  const value = record({ name: 'id', type: 'string' });
  expect(() => describeTable(NAME, KEY, value, null)).toThrow(
    /id of public\.t is bigint in the key and text in the value/,
  );
});

test('a name longer than Postgres keeps is refused, not cut', () => {
  const long = 'ä'.repeat(32);
  expect(() => describeTable(NAME, KEY, record({ name: long, type: 'int' }), null)).toThrow(
    /has 64 bytes, Postgres keeps 63/,
  );
});

test('identifiers are quoted', () => {
  expect(quotedName({ schema: 'S p', table: 'a"; DROP TABLE b; --' })).toBe('"S p"."a""; DROP TABLE b; --"');
});
