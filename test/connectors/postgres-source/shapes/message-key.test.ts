import { expect, test } from 'vitest';
import type { Relation } from '../../../../connectors/postgres-source/changes/relation.ts';
import {
  messageKeyOf,
  parseMessageKeys,
  refuseSharedKey,
  refuseUnmatchedKeys,
} from '../../../../connectors/postgres-source/shapes/message-key.ts';
import { tableSchema } from '../../../../connectors/postgres-source/shapes/table-schema.ts';

const COLUMNS = ['id', 'tenant', 'v'];

function relation(identity: 'd' | 'f', inIdentity: readonly string[]): Relation {
  const columns = COLUMNS.map((name) => ({
    name,
    typeOid: 23,
    typmod: -1,
    inIdentity: inIdentity.includes(name),
  }));
  return { oid: 1, schema: 'public', table: 't', identity, columns };
}

const FULL = relation('f', COLUMNS);
const DEFAULT = relation('d', ['id']);

function keyed(
  shape: Relation,
  messageKey: readonly string[] | null,
  primaryKey: readonly string[] = ['id'],
) {
  const base = { oid: 23, typmod: -1 };
  const details = {
    primaryKey,
    columns: COLUMNS.map(() => ({ typeName: 'integer', base, isNotNull: true })),
  };
  return tableSchema(shape, details, undefined, undefined, 'fill', messageKey);
}

test('keys are read as Debezium writes them, and the first pattern that matches counts', () => {
  const messageKeyColumns = parseMessageKeys(String.raw`public\.t:tenant, id; (?:a|b)\.c{1,2}:x ;`);
  expect(messageKeyColumns.map(({ columns }) => columns)).toEqual([['tenant', 'id'], ['x']]);
  expect(messageKeyOf({ messageKeyColumns }, { schema: 'b', table: 'cc' })).toEqual(['x']);
  expect(messageKeyOf({ messageKeyColumns }, { schema: 'public', table: 'tt' })).toBeNull();
  for (const text of ['public.t', ':id', 'public.t:', 'public.t:id,id'])
    expect(() => parseMessageKeys(text)).toThrow(SyntaxError);
});

test('a pattern that matches no published table is refused by its text', () => {
  const messageKeyColumns = parseMessageKeys('public.t:id;public.gone:id');
  expect(() => refuseUnmatchedKeys({ messageKeyColumns }, [{ schema: 'public', table: 't' }])).toThrow(
    expect.objectContaining({
      code: 'source.filter_unmatched',
      message: expect.stringContaining(': public.gone'),
    }),
  );
});

test('S20 a column of the key that is not of the primary one is nullable, in its place and in the value', () => {
  const { keySchema, valueSchema, key, ownKey, isKeyUnique } = keyed(FULL, ['tenant', 'id']);
  expect(keySchema?.fields.map(({ name, type }) => [name, type])).toEqual([
    ['tenant', ['null', 'int']],
    ['id', 'int'],
  ]);
  // Without a default: a key of other columns is not one that a topic could go on with.
  expect(keySchema?.fields[0]).not.toHaveProperty('default');
  expect(valueSchema.fields.slice(0, 3).map(({ type }) => type)).toEqual([
    'int',
    ['null', 'int'],
    ['null', 'int'],
  ]);
  expect([key, ownKey, isKeyUnique]).toEqual([[1, 0], [0], true]);
  expect(keyed(FULL, ['tenant']).isKeyUnique).toBe(false);
  expect(keyed(FULL, null)).toMatchObject({ key: [0], isKeyUnique: true });
});

test.each([
  [
    'a column that the table does not have',
    DEFAULT,
    ['Tenant', 'id'],
    ['id'],
    /Tenant, and the table has no such/,
  ],
  ['a table without a key of its own', FULL, ['tenant'], [], /no primary key and no identity index/],
  ['a column that old rows lack', DEFAULT, ['tenant', 'id'], ['id'], /tenant, which Postgres does not send/],
] as const)('S20 %s is refused', (_, shape, messageKey, primaryKey, message) => {
  expect(() => keyed(shape, messageKey, primaryKey)).toThrow(
    expect.objectContaining({
      code: 'source.message_key',
      order: 'stop',
      message: expect.stringMatching(message),
    }),
  );
});

test('S20 rows that share a key are refused where a tombstone would end all of them', () => {
  expect(() => refuseSharedKey(FULL, keyed(FULL, ['tenant', 'id']))).not.toThrow();
  expect(() => refuseSharedKey(FULL, keyed(FULL, ['tenant']))).toThrow(
    expect.objectContaining({
      code: 'source.message_key',
      message: expect.stringContaining('lacks id of its own key'),
    }),
  );
});
