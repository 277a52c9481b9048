import { must } from '../../infra/process/assert.ts';
import type { AvroField, AvroSchema } from '../../schemas/avro-schema.ts';

/** Where a decoder is in a message. */
interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

type Decode = (cursor: Cursor) => unknown;

/** A field of a record, as the writer's schema has it. */
export interface WrittenField {
  /** In Avro. */
  readonly field: string;
  /** In Postgres. */
  readonly column: string;
}

/** A record type that is decoded with the schema it was written with. */
export interface RecordReader {
  readonly fields: readonly WrittenField[];
  /** The values in the order of the fields. @throws Error when the bytes are no such record, or more than one */
  read(body: Buffer): unknown[];
}

/**
 * A decoder of Avro records that shares no code with the encoder. Values become the texts that `text-sql.ts` has Postgres
 * print: numbers in decimal, decimals with their scale, dates in days and times in microseconds since 1970, floats and
 * bytes in hexadecimal, arrays as JSON; null stays null.
 */
export function recordReader(schema: AvroSchema): RecordReader {
  if (typeof schema !== 'object' || !('fields' in schema)) throw new Error('not the schema of a record');
  const fields = schema.fields as readonly (AvroField & { readonly 'pg.name'?: string })[];
  const decoders = fields.map(({ type }) => decoderOf(type));
  return {
    fields: fields.map((field) => ({ field: field.name, column: field['pg.name'] ?? field.name })),
    read(body) {
      const cursor = { bytes: body, at: 0 };
      const values = decoders.map((decode) => decode(cursor));
      if (cursor.at !== body.length) throw new Error(`${body.length - cursor.at} bytes follow the record`);
      return values;
    },
  };
}

function decoderOf(type: AvroSchema): Decode {
  if (typeof type === 'string') return must(PRIMITIVES[type], `an Avro type that is not known: ${type}`);
  if (Array.isArray(type)) return union((type as readonly AvroSchema[]).map(decoderOf));
  const complex = type as Exclude<AvroSchema, string | readonly AvroSchema[]> & {
    readonly logicalType?: string;
    readonly scale?: number;
    readonly items?: AvroSchema;
  };
  if (complex.type === 'array') return arrayOf(decoderOf(must(complex.items, 'items of an array')));
  if (complex.logicalType === 'decimal') return (cursor) => decimal(bytes(cursor), complex.scale ?? 0);
  return must(PRIMITIVES[String(complex.type)], `an Avro type that is not known: ${JSON.stringify(type)}`);
}

const PRIMITIVES: Readonly<Record<string, Decode>> = {
  null: () => null,
  boolean: (cursor) => String(cursor.bytes[cursor.at++] === 1),
  int: (cursor) => String(long(cursor)),
  long: (cursor) => String(long(cursor)),
  double(cursor) {
    const value = cursor.bytes.readDoubleLE(cursor.at);
    cursor.at += 8;
    const ordered = Buffer.allocUnsafe(8);
    ordered.writeDoubleBE(value);
    return ordered.toString('hex');
  },
  bytes: (cursor) => bytes(cursor).toString('hex'),
  string: (cursor) => bytes(cursor).toString('utf8'),
};

function union(branches: readonly Decode[]): Decode {
  return (cursor) => must(branches[Number(long(cursor))], 'a branch of the union')(cursor);
}

function arrayOf(decode: Decode): Decode {
  return (cursor) => {
    const items: unknown[] = [];
    for (let left = long(cursor); left !== 0n; left = long(cursor)) {
      if (left < 0n) {
        left = -left;
        long(cursor);
      }
      for (; left > 0n; left--) items.push(decode(cursor));
    }
    return items;
  };
}

/** Zigzag, seven bits in each byte, the lowest first. */
function long(cursor: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = must(cursor.bytes[cursor.at++], 'the message ends in the middle of a number');
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return (value >> 1n) ^ -(value & 1n);
  }
}

function bytes(cursor: Cursor): Buffer {
  const start = cursor.at + 0;
  const length = Number(long(cursor));
  const from = cursor.at;
  cursor.at += length;
  if (cursor.at > cursor.bytes.length)
    throw new Error(`the message ends in the middle of the value at ${start}`);
  return cursor.bytes.subarray(from, cursor.at);
}

/** Two's complement, big-endian. */
function decimal(unscaled: Buffer, scale: number): string {
  const number = BigInt.asIntN(unscaled.length * 8, BigInt(`0x${unscaled.toString('hex') || '0'}`));
  const digits = String(number < 0n ? -number : number).padStart(scale + 1, '0');
  const sign = number < 0n ? '-' : '';
  const point = digits.length - scale;
  return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** The text of a decoded value. */
export function valueText(value: unknown): string | null {
  if (value === null || typeof value === 'string') return value;
  return JSON.stringify(value);
}
