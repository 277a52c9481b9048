import { expect, test } from 'vitest';
import {
  knownColumns,
  refuseUnprotected,
} from '../../../../connectors/postgres-source/shapes/column-protection.ts';
import { FILTER_OPTIONS } from '../../../../connectors/postgres-source/shapes/filter-options.ts';
import type { Relation } from '../../../../connectors/postgres-source/changes/relation.ts';
import { parseOptions } from '../../../../infra/process/options.ts';

const EMAIL = { name: 'e_mail', type: 'string', 'pg.name': 'e mail', 'pg.policy': 'hash' } as const;
/** The value schema of a table that has a column ssn too. */
const BEFORE = {
  type: 'record',
  name: 'Value',
  fields: [{ name: 'id', type: 'int' }, EMAIL, { name: 'note', type: 'string' }],
  'pg.excluded': ['ssn'],
} as const;

function become(columns: readonly string[], policies = String.raw`.*\.ssn=exclude`): () => void {
  const parsed = parseOptions('source', FILTER_OPTIONS, ['--column-policies', policies], {});
  if (parsed.kind === 'help') throw new Error(parsed.text);
  const { options } = parsed;
  const relation: Relation = {
    oid: 1,
    schema: 'public',
    table: 'people',
    identity: 'd',
    columns: columns.map((name) => ({ name, inIdentity: false, typeOid: 25, typmod: -1 })),
  };
  return () => refuseUnprotected(options, knownColumns(BEFORE), relation);
}

test.each([
  ['e mail', ['id', 'mail', 'note', 'ssn']],
  ['ssn', ['id', 'e mail', 'note', 'social']],
])('S89 when %s may have been renamed, nothing goes out under its new name', (gone, columns) => {
  expect(become(columns)).toThrow(
    expect.objectContaining({
      code: 'source.column_unprotected',
      order: 'stop',
      message: expect.stringContaining(`public.people has lost ${gone},`),
    }),
  );
});

test.each([
  ['nothing has changed', ['id', 'e mail', 'note', 'ssn']],
  ['a column was added', ['id', 'e mail', 'note', 'ssn', 'more']],
  ['a protected column was dropped', ['id', 'note', 'ssn']],
  ['an open column was renamed', ['id', 'e mail', 'remark', 'ssn']],
])('S89 %s: the table goes on', (_, columns) => {
  expect(become(columns)).not.toThrow();
});

test.each(['mask', 'keep'])('S89 a policy for the new name, %s, lets the table go on', (policy) => {
  const columns = ['id', 'mail', 'note', 'ssn'];
  expect(become(columns, String.raw`.*\.ssn=exclude, .*\.mail=${policy}`)).not.toThrow();
});
