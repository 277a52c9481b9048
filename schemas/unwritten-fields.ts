import { type AvroField, type AvroSchema, withoutNull } from './avro-schema.ts';

/**
 * Fields that a reader of records has and their writer does not, under any of their names, in the reader's order. Each
 * is read as its default, which nobody sees: the column was renamed or dropped, or has not come yet.
 */
export function unwrittenFields(reader: AvroSchema, writer: AvroSchema): readonly string[] {
  const written = new Set(fieldsOf(writer).map(({ name }) => name));
  return fieldsOf(reader)
    .filter(({ name, aliases = [] }) => ![name, ...aliases].some((known) => written.has(known)))
    .map(({ name }) => name);
}

function fieldsOf(schema: AvroSchema): readonly AvroField[] {
  const bare = withoutNull(schema);
  return typeof bare === 'object' && 'fields' in bare ? bare.fields : [];
}
