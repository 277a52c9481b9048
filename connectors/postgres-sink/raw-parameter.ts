import { NULL_PLACE } from './avro-scan.ts';
import { BinaryArray } from './binary-array.ts';
import { type BinaryElement, binaryElement } from './binary-element.ts';
import type { RawChange } from './raw-change.ts';
import type { Column } from './target-table.ts';

/**
 * A column's values as a binary array, from the bytes of the records: no value is decoded. Null where the column has no
 * binary form, or one of its values has none.
 * @param expectedBytes of the array
 */
export function rawParameter(
  column: Column,
  rows: readonly RawChange[],
  expectedBytes: number,
): Buffer | null {
  if (column.meta !== undefined) return null;
  const out = new BinaryArray(expectedBytes);
  let scan: RawChange['valueScan'] = null;
  let index = -1;
  let element: BinaryElement | null = null;
  let oid = 0;
  for (const row of rows) {
    const bytes = column.key ? row.keyBytes : row.valueBytes;
    const own = column.key ? row.keyScan : row.valueScan;
    if (own !== scan && own !== null) {
      scan = own;
      index = own.indexOf(column.field);
      const field = own.fields[index];
      element = field === undefined ? null : binaryElement(field.schema, column.type);
      if (field !== undefined && element === null) return null;
      oid = element?.oid ?? oid;
    }
    if (bytes === null || element === null) {
      out.addNull();
      continue;
    }
    const at = row.places.values[(column.key ? row.keyFirst : row.valueFirst) + index] as number;
    if (at !== NULL_PLACE) {
      if (!element.add(out, bytes, at)) return null;
      continue;
    }
    const special = column.key ? undefined : row.specials?.get(column.field);
    if (special === undefined) out.addNull();
    else if (element.addSpecial?.(out, special.text) !== true) return null;
  }
  return oid === 0 ? null : out.finish(oid);
}
