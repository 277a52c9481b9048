import { expect, test } from 'vitest';
import { digestOf } from './result-digest.ts';

const ROWS = ['1000|5|17', '1001|5|3', '1002|7|9'];

test('rows in any order come to the same', () => {
  expect(digestOf(ROWS.toReversed())).toEqual(digestOf(ROWS));
});

test('a row that is missing, doubled in place of another, or not as it should be is seen', () => {
  const right = digestOf(ROWS);
  expect(digestOf(ROWS.slice(1))).not.toEqual(right);
  expect(digestOf(['1000|5|17', '1000|5|17', '1002|7|9'])).not.toEqual(right);
  expect(digestOf(['1000|5|18', '1001|5|3', '1002|7|9'])).not.toEqual(right);
});
