import { expect, test } from 'vitest';
import type { Relation } from '../../../../connectors/postgres-source/changes/relation.ts';
import {
  parseToastTables,
  refuseUnmatchedToast,
  refuseUnsentToast,
  toastPolicyOf,
} from '../../../../connectors/postgres-source/toast/toast-policy.ts';

test('a table has its own policy or that of all', () => {
  const options = { toast: 'fill' as const, toastTables: parseToastTables('a.b=mark, a.c.d=full,') };
  expect(toastPolicyOf(options, { schema: 'a', table: 'b' })).toBe('mark');
  expect(toastPolicyOf(options, { schema: 'a', table: 'c.d' })).toBe('full');
  expect(toastPolicyOf(options, { schema: 'a', table: 'x' })).toBe('fill');
});

test.each(['b=mark', 'a.b', 'a.b=never', '=full'])('%s is refused', (text) => {
  expect(() => parseToastTables(text)).toThrow(SyntaxError);
});

test('a name that is no published table is refused', () => {
  const options = { toast: 'fill' as const, toastTables: parseToastTables('a.b=mark,a.c=mark') };
  expect(() => refuseUnmatchedToast(options, [{ schema: 'a', table: 'b' }])).toThrow(
    /is not among 1 published tables: a\.c$/,
  );
});

test('full refuses a table whose large values Postgres would leave out, and says what to run', () => {
  const relation: Relation = { oid: 1, schema: 's', table: 't', identity: 'd', columns: [] };
  expect(() => refuseUnsentToast(relation, ['big'])).toThrow(
    expect.objectContaining({
      code: 'source.toast_identity',
      order: 'stop',
      fix: expect.stringContaining('ALTER TABLE s.t REPLICA IDENTITY FULL'),
    }),
  );
  refuseUnsentToast(relation, []);
  refuseUnsentToast({ ...relation, identity: 'f' }, ['big']);
});
