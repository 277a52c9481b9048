import { Failure } from '../../../infra/process/failure.ts';
import type { BadRow, BadRowReason } from './dead-letter.ts';
import type { TableColumn } from '../shapes/table-schema.ts';
import { CELL } from '../changes/tuple.ts';

export const KEY_SPECIAL = 'source.key_special';
export const ROW_TOO_LARGE = 'source.row_too_large';

/** Why a row is bad, by the error that encoding it threw. No row takes more than `bytesMax` in Avro. */
export function badRowReason(error: unknown, bad: BadRow, bytesMax: number): BadRowReason {
  if (error instanceof Failure) {
    const { code, message } = error;
    if (code === ROW_TOO_LARGE) return { stage: 'KAFKA_PRODUCE', code, message };
    return { stage: code === KEY_SPECIAL ? 'KEY_CONVERTER' : 'VALUE_CONVERTER', code, message };
  }
  // What a decoder says may quote the value: so the column is named, and no more.
  const column = faultyColumn(bad, Buffer.allocUnsafe(bytesMax));
  const named = column === undefined ? 'a column' : `column ${column.field}`;
  return {
    stage: column?.inKey === true ? 'KEY_CONVERTER' : 'VALUE_CONVERTER',
    code: 'source.value_invalid',
    message: `${named} has a text that cannot be decoded`,
  };
}

/** The first column that does not encode by itself. */
function faultyColumn({ schema, source, row }: BadRow, scratch: Buffer): TableColumn | undefined {
  return schema.columns.find((column, i) => {
    if (row.kinds[i] !== CELL.text) return false;
    try {
      column.codec.write(scratch, 0, source, row.starts[i] as number, row.ends[i] as number);
      return false;
    } catch {
      return true;
    }
  });
}
