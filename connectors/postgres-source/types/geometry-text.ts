import { writeLong } from './avro-varint.ts';
import { hexByte, writeHex } from './bytea-text.ts';
import type { ColumnCodec } from './column-codec.ts';
import type { RecordName } from './composite-codec.ts';
import { readFloat } from './float-text.ts';

const COMMA = 0x2c;

/** `(x,y)`. https://www.postgresql.org/docs/current/datatype-geometric.html#DATATYPE-GEOMETRIC-POINTS */
export function pointCodec(record: RecordName): ColumnCodec {
  return {
    avro: {
      type: 'record',
      ...record,
      fields: [
        { name: 'x', type: 'double' },
        { name: 'y', type: 'double' },
      ],
    },
    write: writePoint,
    growth: 4,
  };
}

function writePoint(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const comma = source.indexOf(COMMA, start);
  const behindX = out.writeDoubleLE(readFloat(source, start + 1, comma), at);
  return out.writeDoubleLE(readFloat(source, comma + 1, end - 1), behindX);
}

/** PostGIS geometry and geography: the SRID apart, so that any reader of well-known binary takes the rest. */
export function ewkbCodec(record: RecordName): ColumnCodec {
  return {
    avro: {
      type: 'record',
      ...record,
      fields: [
        { name: 'srid', type: ['null', 'int'], default: null },
        { name: 'wkb', type: 'bytes' },
      ],
    },
    write: writeEwkb,
  };
}

/** Byte order, then the type with its flags; the SRID follows where its flag says so. */
const HEADER_DIGITS = 10;
const SRID_DIGITS = 8;
const SRID_FLAG = 0x20;

/** Hex digits of extended well-known binary: https://postgis.net/docs/using_postgis_dbmanagement.html#EWKB_EWKT */
function writeEwkb(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  if (end - start < HEADER_DIGITS) return -1;
  const littleEndian = hexByte(source, start) === 1;
  const flagsAt = littleEndian ? start + 8 : start + 2;
  const flags = hexByte(source, flagsAt);
  if ((flags & SRID_FLAG) === 0) {
    out[at] = 0;
    return writeHex(out, writeLong(out, at + 1, (end - start) / 2), source, start, end);
  }
  const body = start + HEADER_DIGITS + SRID_DIGITS;
  if (end < body) return -1;
  out[at] = 2;
  const behindSrid = writeLong(out, at + 1, readSrid(source, start + HEADER_DIGITS, littleEndian));
  const wkb = writeLong(out, behindSrid, (end - start - SRID_DIGITS) / 2);
  const behindHeader = writeHex(out, wkb, source, start, start + HEADER_DIGITS);
  out[wkb + (flagsAt - start) / 2] = flags & ~SRID_FLAG;
  return writeHex(out, behindHeader, source, body, end);
}

function readSrid(source: Buffer, at: number, littleEndian: boolean): number {
  let srid = 0;
  for (let i = 0; i < 4; i++) {
    const byte = hexByte(source, at + 2 * i);
    srid |= littleEndian ? byte << (8 * i) : byte << (24 - 8 * i);
  }
  return srid;
}
