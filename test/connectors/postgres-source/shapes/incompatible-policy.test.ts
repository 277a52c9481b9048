import { expect, test } from 'vitest';
import {
  incompatiblePolicy,
  parseIncompatibleRules,
} from '../../../../connectors/postgres-source/shapes/incompatible-policy.ts';

const policyOf = (rules: string, table: string) =>
  incompatiblePolicy(parseIncompatibleRules(rules), { schema: 'public', table });

test('the first rule that matches a table counts, a bare policy is for all, and without one the source stops', () => {
  const rules = 'public\\.(a|b)=pause-table, .*\\.c=stop, new-topic';
  expect(['a', 'b', 'c', 'd'].map((table) => policyOf(rules, table))).toEqual([
    'pause-table',
    'pause-table',
    'stop',
    'new-topic',
  ]);
  expect(policyOf('public\\.a=dead-letter', 'b')).toBe('stop');
});

test('what is no policy is refused by name', () => {
  expect(() => parseIncompatibleRules('pause')).toThrow(/"pause".*stop\|pause-table/);
  expect(() => parseIncompatibleRules('public\\.a=force')).toThrow(/force/);
});
