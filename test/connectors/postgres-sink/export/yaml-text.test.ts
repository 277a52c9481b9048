import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type YamlValue, yamlText } from '../../../../connectors/postgres-sink/export/yaml-text.ts';
import { parseYaml } from './yaml-reader.ts';

test('a document reads as it should', () => {
  expect(
    yamlText({
      version: 2,
      sources: [{ name: 'a: b', no: true, tables: [], columns: [{ data_tests: ['x'] }] }],
    }),
  ).toBe(
    [
      'version: 2',
      'sources:',
      '  - name: "a: b"',
      '    "no": true',
      '    tables: []',
      '    columns:',
      '      - data_tests:',
      '          - "x"',
      '',
    ].join('\n'),
  );
});

test('characters that YAML does not take, or takes for the end of a line, are escaped', () => {
  expect(yamlText(['\u0000a\tb\u007f\u0085\u2028\ufeffÄ'])).toBe(
    `${String.raw`- "\u0000a\tb\u007f\u0085\u2028\ufeffÄ"`}\n`,
  );
});

const value = fc.letrec<{ any: YamlValue }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.boolean(),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('any'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).any;

test('what is written is read back, whatever characters it has, and no line is broken by one', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), value, { maxKeys: 4, minKeys: 1, noNullPrototype: true }),
      (document) => {
        const text = yamlText(document);
        expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
        expect(parseYaml(text)).toEqual(document);
      },
    ),
  );
});
