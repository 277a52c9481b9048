import type { ColumnTreatment } from './table-schema.ts';
import { CELL, type Tuple, type WrittenValue } from './tuple.ts';

/** The frame of schemas/serde/wire-format.ts, in place. */
export function frameAt(out: Buffer, at: number, schemaId: number): number {
  out[at] = 0;
  return out.writeInt32BE(schemaId, at + 1);
}

/** What a value takes beyond its text because of what is done to it. */
export function extraBytesMax(treatment: ColumnTreatment): number {
  return treatment === null || treatment === 'exclude' ? 0 : treatment.extraBytesMax;
}

/** Of all columns of a row. */
export function textBytes(row: Tuple | null): number {
  let bytes = 0;
  if (row === null) return bytes;
  for (let i = 0; i < row.count; i++) {
    if (row.kinds[i] === CELL.text) bytes += (row.ends[i] as number) - (row.starts[i] as number);
    else if (row.kinds[i] === CELL.filled) bytes += (row.filled[i] as WrittenValue).avro.length;
  }
  return bytes;
}
