import { expect, test } from 'vitest';
import { isWider } from '../../../connectors/postgres-sink/widening.ts';

test.each([
  ['bigint', 'integer'],
  ['integer', 'smallint'],
  ['numeric', 'bigint'],
  ['double precision', 'real'],
  ['numeric(14,2)', 'numeric(10,2)'],
  ['numeric(14,4)', 'numeric(10,2)'],
  ['numeric', 'numeric(10,2)'],
  ['text', 'character varying(9)'],
  ['character varying', 'character varying(9)'],
])('%s holds every %s', (wide, narrow) => {
  expect(isWider(wide, narrow)).toBe(true);
  expect(isWider(narrow, wide)).toBe(false);
});

test.each([
  ['numeric(12,4)', 'numeric(10,1)'],
  ['numeric(10,2)', 'numeric(10,2)'],
  ['double precision', 'bigint'],
  ['integer', 'text'],
])('%s does not hold every %s, or is the same', (wide, narrow) => {
  expect(isWider(wide, narrow)).toBe(false);
});
