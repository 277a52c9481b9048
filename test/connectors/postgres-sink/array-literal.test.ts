import { expect, test } from 'vitest';
import { ArrayLiteral } from '../../../connectors/postgres-sink/array-literal.ts';

test('no elements are an empty array', () => {
  expect(new ArrayLiteral().toString()).toBe('{}');
});

test('text is quoted, so that NULL, blanks, braces and quotes are themselves', () => {
  const literal = new ArrayLiteral();
  literal.add('NULL', true);
  literal.addNull();
  literal.add('', true);
  literal.add('a "b" \\ {c},\n', true);
  literal.add('-12.5', false);
  expect(literal.toString()).toBe('{"NULL",NULL,"","a \\"b\\" \\\\ {c},\n",-12.5}');
});
