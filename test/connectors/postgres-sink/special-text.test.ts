import { expect, test } from 'vitest';
import { SpecialText, withSpecials } from '../../../connectors/postgres-sink/special-text.ts';

const header = (json: string) => ({ key: 'pg.special', value: Buffer.from(json) });

test('what the header names takes the place of null, and nothing else', () => {
  const row = { a: null, b: 1, c: null };
  const filled = withSpecials(row, [header('{"a":"infinity","b":"NaN","d":"x"}')]);
  expect(filled).toEqual({ a: new SpecialText('infinity'), b: 1, c: null });
  expect(JSON.stringify(filled)).toBe('{"a":"infinity","b":1,"c":null}');
  expect(withSpecials(row, [{ key: 'other', value: null }])).toBe(row);
});

test('text whose bytes are lost stays null', () => {
  expect(withSpecials({ a: null }, [header('{"a":"caf\u{fffd}"}')])).toEqual({ a: null });
});
