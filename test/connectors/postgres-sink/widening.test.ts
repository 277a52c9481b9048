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
  ['character varying(10)', 'character varying(9)'],
  ['character(5)', 'character(3)'],
  ['bpchar', 'character(3)'],
  ['bit varying(9)', 'bit varying(8)'],
  ['timestamp(6) with time zone', 'timestamp(3) with time zone'],
  ['timestamp without time zone', 'timestamp(3) without time zone'],
  ['bigint[]', 'integer[]'],
  ['numeric(5,-2)', 'numeric(3,-2)'],
  ['text', 'public.mood'],
])('%s holds every %s', (wide, narrow) => {
  expect(isWider(wide, narrow)).toBe(true);
  expect(isWider(narrow, wide)).toBe(false);
});

test.each([
  ['numeric(12,4)', 'numeric(10,1)'],
  ['numeric(10,2)', 'numeric(10,2)'],
  ['double precision', 'bigint'],
  ['integer', 'text'],
  ['bit(6)', 'bit(5)'],
  ['text', 'public.mood[]'],
  ['text', 'integer[]'],
  ['character varying(9)', 'integer'],
  ['numeric(4,0)', 'integer'],
])('%s does not hold every %s, or is the same', (wide, narrow) => {
  expect(isWider(wide, narrow)).toBe(false);
});
