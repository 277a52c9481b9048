import { Failure } from '../../../infra/process/failure.ts';
import { KEY_SPECIAL, ROW_TOO_LARGE } from './bad-row-reason.ts';
import type { TableSchema } from '../shapes/table-schema.ts';
import { CELL } from '../changes/tuple.ts';

/** @param kind of the cell, see {@link CELL} */
export function keySpecial({ schema, table }: TableSchema, field: string, kind: number | undefined): Failure {
  const what = kind === CELL.text ? 'a value that its Avro type does not have' : 'no value';
  return new Failure(KEY_SPECIAL, 'stop', `key column ${field} of ${schema}.${table} has ${what}`, {
    fix: 'give the column the rule string (--column-types schema.table.column=string), change the row in the source, or key the table by columns without infinity, NaN or out-of-line values',
  });
}

export function rowTooLarge(bytes: number, recordBytesMax: number, topic: string): Failure {
  const message = `a record of ${bytes} bytes is larger than the ${recordBytesMax} that topic ${topic} takes`;
  return new Failure(ROW_TOO_LARGE, 'stop', message);
}

export function rowShape({ schema, table, columns }: TableSchema, count: number): Failure {
  const message = `a row of ${schema}.${table} has ${count} columns, its relation ${columns.length}`;
  return new Failure('source.row_shape', 'retry', message);
}
