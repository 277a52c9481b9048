import type { ColumnTreatment } from '../shapes/table-schema.ts';
import { CELL, type Tuple, type WrittenValue } from '../changes/tuple.ts';

/** The frame of schemas/serde/wire-format.ts, in place. */
export function frameAt(out: Buffer, at: number, schemaId: number): number {
  out[at] = 0;
  out[at + 1] = schemaId >>> 24;
  out[at + 2] = schemaId >>> 16;
  out[at + 3] = schemaId >>> 8;
  out[at + 4] = schemaId;
  return at + 5;
}

/** What a value takes beyond its text because of what is done to it. */
export function extraBytesMax(treatment: ColumnTreatment): number {
  return treatment === null || treatment === 'exclude' ? 0 : treatment.extraBytesMax;
}

/** No less than all columns of a row have. */
export function textBytes(row: Tuple | null): number {
  return row === null ? 0 : row.bytes + row.filledBytes;
}

/** Of one column. */
export function cellBytes(row: Tuple, i: number): number {
  const kind = row.kinds[i];
  if (kind === CELL.text) return (row.ends[i] as number) - (row.starts[i] as number);
  return kind === CELL.filled ? (row.filled[i] as WrittenValue).avro.length : 0;
}
