import { expect, test } from 'vitest';
import type { AvroField, AvroRecord } from '../../schemas/avro-schema.ts';
import { unwrittenFields } from '../../schemas/unwritten-fields.ts';

const record = (...fields: readonly AvroField[]): AvroRecord => ({ type: 'record', name: 'Value', fields });

test('a field that the writer has under none of its names is not written', () => {
  const reader = record(
    { name: 'id', type: 'long' },
    { name: 'segment', aliases: ['market'], type: 'string' },
    { name: 'tier', type: 'int' },
  );
  const writer = record({ name: 'id', type: 'long' }, { name: 'market', type: 'string' });
  expect(unwrittenFields(reader, writer)).toEqual(['tier']);
  expect(unwrittenFields(writer, reader)).toEqual(['market']);
  expect(unwrittenFields('string', 'string')).toEqual([]);
});
