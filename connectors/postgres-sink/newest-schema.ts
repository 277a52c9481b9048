import type { AvroSchema } from '../../schemas/avro-schema.ts';
import { type Column, type TargetTable, VALUE_COLUMN, fieldsOf } from './target-table.ts';

/**
 * The table as the newest schema of its topic sees it: comments are that schema's, and columns that it has no field for
 * are dropped. A schema that an older record was written with says nothing of either.
 */
export function withNewest(table: TargetTable, valueSchema: AvroSchema): TargetTable {
  const fields = new Map(fieldsOf(valueSchema, VALUE_COLUMN).map((field) => [field.name, field]));
  const columns = table.columns.map((column): Column => {
    const field = fields.get(column.field);
    if (field === undefined) return column.key ? column : { ...column, isDropped: true };
    return { ...column, isDropped: false, comment: field.doc };
  });
  const comment = typeof valueSchema === 'object' && 'fields' in valueSchema ? valueSchema.doc : undefined;
  return { ...table, columns, comment };
}

/** Fields that fill a column and are not in a record's schema: such a record says nothing about them. */
export function absentFields(table: TargetTable, valueSchema: AvroSchema): readonly string[] {
  const present = new Set(fieldsOf(valueSchema, VALUE_COLUMN).map(({ name }) => name));
  return table.columns.filter(({ key, field }) => !key && !present.has(field)).map(({ field }) => field);
}
