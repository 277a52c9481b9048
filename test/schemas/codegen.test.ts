import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generateTypes } from '../../schemas/codegen.ts';
import { expectedModule } from '../../schemas/generate.ts';

test('the generated types are what the .avsc files say (npm run schemas:types)', () => {
  const { target, text } = expectedModule();
  expect(readFileSync(target, 'utf8')).toBe(text);
});

test('every Avro type has the TypeScript type that holds it exactly', () => {
  const text = generateTypes(
    [
      {
        name: 'wide-row',
        schema: {
          type: 'record',
          name: 'WideRow',
          fields: [
            { name: 'a', type: 'long', doc: 'All 64 bits.' },
            { name: 'b', type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 }] },
            { name: 'c', type: { type: 'long', logicalType: 'timestamp-micros' } },
            { name: 'd', type: { type: 'array', items: ['null', 'string'] } },
            { name: 'e', type: { type: 'map', values: 'double' } },
          ],
        },
      },
    ],
    '',
  );
  expect(text).toContain('export interface WideRow {');
  expect(text).toContain('  /** All 64 bits. */\n  readonly a: bigint;');
  expect(text).toContain('readonly b: Decimal | null;');
  expect(text).toContain('readonly c: bigint;');
  expect(text).toContain('readonly d: readonly (string | null)[];');
  expect(text).toContain('readonly e: Readonly<Record<string, number>>;');
  expect(text).toContain('export const wideRowSchema: Schema<WideRow>');
});
