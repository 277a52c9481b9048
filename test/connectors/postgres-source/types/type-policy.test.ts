import { expect, test } from 'vitest';
import { TYPE_OPTIONS } from '../../../../connectors/postgres-source/types/type-options.ts';
import { columnRule, parseColumnRules } from '../../../../connectors/postgres-source/types/type-policy.ts';
import { parseOptions } from '../../../../infra/process/options.ts';

const SYNTAX = /schema\.table\.column=null\|string\|clamp\|error\|record/;

test('rules are read by column, one of each sort', () => {
  const rules = parseColumnRules(
    'public.t.amount=decimal(38,6), public.t.amount=clamp,public.t.at=timestamp-micros,s.t.a=b.c=string',
  );
  expect([...rules]).toEqual([
    ['public.t.amount', { as: { kind: 'decimal', precision: 38, scale: 6 }, special: 'clamp' }],
    ['public.t.at', { as: { kind: 'timestamp-micros' } }],
    ['s.t.a=b.c', { special: 'string' }],
  ]);
  expect(parseColumnRules('')).toEqual(new Map());
});

test.each([
  'public.t=string',
  'public.t.c',
  'public.t.c=decimal(39,2)',
  'public.t.c=decimal(2,3)',
  'public.t.c=int',
])('%s is no rule', (text) => {
  expect(() => parseColumnRules(text)).toThrow(SYNTAX);
  const refused = expect.objectContaining({ code: 'config.invalid', message: expect.stringMatching(SYNTAX) });
  expect(() => parseOptions('x', TYPE_OPTIONS, ['--column-types', text], {})).toThrow(refused);
});

test('the rule of a column goes before the policy of all', () => {
  const policy = {
    specialValues: 'clamp',
    columnTypes: parseColumnRules('public.t.a=error,public.t.b=double'),
  } as const;
  expect(columnRule(policy, 'public', 't', 'a')).toEqual({ special: 'error', as: null });
  expect(columnRule(policy, 'public', 't', 'b')).toEqual({ special: 'clamp', as: { kind: 'double' } });
  expect(columnRule(policy, 'public', 't', 'c')).toEqual({ special: 'clamp', as: null });
});
