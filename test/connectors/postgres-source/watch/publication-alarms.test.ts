import { expect, test } from 'vitest';
import { publicationAlarms } from '../../../../connectors/postgres-source/watch/publication-alarms.ts';
import { publicationChange } from '../../../../connectors/postgres-source/watch/publication-change.ts';
import type {
  PublicationReading,
  PublishedTableReading,
} from '../../../../connectors/postgres-source/watch/publication-reading.ts';

const TABLE: PublishedTableReading = {
  name: 'public.t',
  membership: 1,
  identity: 'd',
  hasPrimaryKey: true,
  primaryKeyIsDeferrable: false,
  hasIdentityIndex: false,
  identityIsPrimaryKey: false,
  readable: true,
  rowSecurity: false,
};

const PUBLICATION: PublicationReading = {
  oid: 5,
  inserts: true,
  updates: true,
  deletes: true,
  tables: [TABLE],
  role: 'cdc',
  mayReplicate: true,
};

const withTable = (table: Partial<PublishedTableReading>): PublicationReading => ({
  ...PUBLICATION,
  tables: [{ ...TABLE, ...table }],
});

test.each<[string, Partial<PublishedTableReading>]>([
  ['table.no_identity', { hasPrimaryKey: false }],
  ['table.no_identity', { identity: 'n' }],
  ['table.no_identity', { identity: 'i', hasIdentityIndex: false }],
  ['table.no_identity', { primaryKeyIsDeferrable: true }],
  ['table.pk_change_undetectable', { identity: 'i', hasIdentityIndex: true }],
  ['table.unreadable', { readable: false }],
  ['table.row_security', { rowSecurity: true }],
])('S8 S11 S13 S138 %s is told of a table, with what to do (case %#)', (code, table) => {
  expect(publicationAlarms(withTable(table))).toEqual([
    expect.objectContaining({ code, about: 'public.t', fix: expect.stringContaining('') }),
  ]);
});

test.each<Partial<PublishedTableReading>>([
  {},
  { identity: 'f', hasPrimaryKey: false },
  { identity: 'i', hasIdentityIndex: true, identityIsPrimaryKey: true },
  { identity: 'i', hasIdentityIndex: true, hasPrimaryKey: false },
])('a table that can be identified raises nothing (case %#)', (table) => {
  expect(publicationAlarms(withTable(table))).toEqual([]);
});

test('a publication of inserts alone needs no identity, and says what it leaves out', () => {
  const alarms = publicationAlarms({
    ...withTable({ hasPrimaryKey: false }),
    updates: false,
    deletes: false,
  });
  expect(alarms.map(({ code, message }) => [code, message])).toEqual([
    ['publication.operations', 'the publication leaves out update, delete: topics differ from their tables'],
  ]);
});

test('a role that has lost REPLICATION is told of before it has to connect again', () => {
  expect(publicationAlarms({ ...PUBLICATION, mayReplicate: false })[0]?.code).toBe('role.no_replication');
});

test('tables that join, leave, or leave and come back are told apart', () => {
  const tables = (names: Readonly<Record<string, number>>): PublicationReading => ({
    ...PUBLICATION,
    tables: Object.entries(names).map(([name, membership]) => ({ ...TABLE, name, membership })),
  });
  expect(publicationChange(tables({ a: 1, b: 2, c: 3 }), tables({ b: 2, c: 4, d: 5 }))).toEqual({
    added: ['d'],
    removed: ['a'],
    replaced: ['c'],
  });
});
