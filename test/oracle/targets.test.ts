import { expect, test } from 'vitest';
import { EVENT_MIRRORS, RESULTS, mirrored } from './targets.ts';
import { outputs } from './event-topics.ts';

test('every result of the pipelines is compared with a query', () => {
  const results = Object.values(outputs).map(({ name }) => name);
  expect(RESULTS.map(({ topic }) => topic).toSorted()).toEqual(results.toSorted());
});

test('a column that the target lacks is compared as null, and asked of the source', () => {
  const { expected, actual } = mirrored('t', ['id'], ['a', 'odd "name'], new Set(['a']));
  expect(expected).toContain('SELECT "id", "a", "odd ""name" FROM public."t"');
  expect(actual).toContain('SELECT "id", NULL AS "a", "odd ""name" FROM public."t"');
});

test('a copy is compared by all of its own key', () => {
  expect(EVENT_MIRRORS.map(({ expected }) => expected)).toEqual(EVENT_MIRRORS.map(({ actual }) => actual));
  expect(mirrored('t', ['b', 'a'], []).expected).toContain('jsonb_build_array("b", "a")::text AS key');
});
