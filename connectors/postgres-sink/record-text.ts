/** Texts of the types that the source writes as records and lists of numbers. */

const SRID_FLAG = 0x20;
const ORDER_BYTES = 1;
const HEADER_BYTES = 5;
const LITTLE_ENDIAN = 1;

/** `(1.5,-2)`. https://www.postgresql.org/docs/current/datatype-geometric.html#DATATYPE-GEOMETRIC-POINTS */
export function pointText(value: unknown): string {
  const { x, y } = value as { readonly x: number; readonly y: number };
  return `(${numberText(x)},${numberText(y)})`;
}

/** pgvector's `[1,2.5]`. https://github.com/pgvector/pgvector */
export function vectorText(value: unknown): string {
  return `[${(value as readonly number[]).map(numberText).join(',')}]`;
}

/** pgvector's sparsevec, `{1:1.5,3:2}/5`. */
export function sparseVectorText(value: unknown): string {
  const vector = value as {
    readonly dim: number;
    readonly indices: readonly number[];
    readonly values: readonly number[];
  };
  const members = vector.indices.map((index, i) => `${index}:${numberText(vector.values[i] ?? 0)}`);
  return `{${members.join(',')}}/${vector.dim}`;
}

/** Hex digits of extended well-known binary: https://postgis.net/docs/using_postgis_dbmanagement.html#EWKB_EWKT */
export function ewkbText(value: unknown): string {
  const { srid, wkb } = value as { readonly srid: number | null; readonly wkb: Buffer };
  if (srid === null) return wkb.toString('hex');
  const header = Buffer.from(wkb.subarray(0, HEADER_BYTES));
  const number = Buffer.alloc(4);
  if (header[0] === LITTLE_ENDIAN) {
    header.writeUInt8(header.readUInt8(HEADER_BYTES - 1) | SRID_FLAG, HEADER_BYTES - 1);
    number.writeInt32LE(srid);
  } else {
    header.writeUInt8(header.readUInt8(ORDER_BYTES) | SRID_FLAG, ORDER_BYTES);
    number.writeInt32BE(srid);
  }
  return Buffer.concat([header, number, wkb.subarray(HEADER_BYTES)]).toString('hex');
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
