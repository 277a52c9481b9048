import { expect, test } from 'vitest';
import { jsonLines, lineOf } from '../../../schemas/contract/json-lines.ts';

const TEXT = `{
  "type": "record",
  "fields": [
    { "name": "a", "type": ["null", "int"], "doc": "a, b: {c} \\"d\\"" },
    {
      "name": "b",
      "n/a": [], "x": -1.5,
      "type": {
        "type": "array", "items":
          "long"
      }
    }
  ]
}
`;

test('every value has the line that it begins on', () => {
  const lines = jsonLines(TEXT);
  expect(Object.fromEntries(lines)).toMatchObject({
    '': 1,
    '/fields': 3,
    '/fields/0': 4,
    '/fields/0/type/1': 4,
    '/fields/0/doc': 4,
    '/fields/1': 5,
    '/fields/1/n~1a': 7,
    '/fields/1/x': 7,
    '/fields/1/type': 8,
    '/fields/1/type/items': 10,
  });
  expect(lines.size).toBe(16);
});

test('a place that the text does not have is where its surroundings are', () => {
  const lines = jsonLines(TEXT);
  expect(lineOf(lines, '/fields/1/type/items/fields/3')).toBe(10);
  expect(lineOf(lines, '/nothing')).toBe(1);
  expect(lineOf(jsonLines('"string"'), '')).toBe(1);
});
