import { type AvroLogical, type AvroSchema, isUnion } from '../../schemas/avro-schema.ts';
import { endOfVarint, readBigVarint, readVarint } from './avro-varint.ts';
import type { BinaryArray } from './binary-array.ts';
import { SMALL, numericWords, smallNumericWords } from './numeric-words.ts';
import type { TargetType } from './scalar-type.ts';

/** How the Avro bytes of a field become elements of a binary array of Postgres. */
export interface BinaryElement {
  /** `pg_type.oid`; those of built-in types never change. */
  readonly oid: number;
  /** Adds the value at `at`. False, and nothing added, for one that has no binary form here: its text has to do. */
  readonly add: (out: BinaryArray, bytes: Buffer, at: number) => boolean;
  /** The same for a value that the Avro type does not have, from its Postgres text. */
  readonly addSpecial?: (out: BinaryArray, text: string) => boolean;
}

/** 2000-01-01, from where Postgres counts, since 1970-01-01. */
const EPOCH_DAYS = 10_957;
const EPOCH_MICROS = 946_684_800_000_000;
const HALF = 2 ** 32;
/** Beyond it are the infinities, and what Postgres refuses. */
const MICROS_MAX = 2n ** 62n;
const DAYS_MAX = 2 ** 30;
/** Of a `jsonb`, the only one there is. */
const JSONB_VERSION = 1;

/** Types whose binary form is their text. */
const TEXT_OIDS: Readonly<Record<string, number>> = {
  text: 25,
  'character varying': 1043,
  bpchar: 1042,
  name: 19,
  json: 114,
  jsonb: 3802,
};

const INT: BinaryElement = {
  oid: 23,
  add(out, bytes, at) {
    const value = readVarint(bytes, at);
    if (value !== (value | 0)) return false;
    out.addInt32(value);
    return true;
  },
};

const SMALLINT: BinaryElement = {
  oid: 21,
  add(out, bytes, at) {
    const value = readVarint(bytes, at);
    if (value !== (value << 16) >> 16) return false;
    out.addInt16(value);
    return true;
  },
};

const BIGINT: BinaryElement = {
  oid: 20,
  add(out, bytes, at) {
    const value = readVarint(bytes, at);
    if (Number.isNaN(value)) out.addBigInt(readBigVarint(bytes, at));
    else addLong(out, value);
    return true;
  },
};

function addLong(out: BinaryArray, value: number): void {
  const high = Math.floor(value / HALF);
  out.addInt64(high, value - high * HALF);
}

const BOOLEAN: BinaryElement = {
  oid: 16,
  add(out, bytes, at) {
    out.addInt8(bytes[at] as number);
    return true;
  },
};

const REAL: BinaryElement = {
  oid: 700,
  add(out, bytes, at) {
    out.addFloat(bytes.readFloatLE(at));
    return true;
  },
};

const doubleOf = (read: (bytes: Buffer, at: number) => number): BinaryElement => ({
  oid: 701,
  add(out, bytes, at) {
    out.addDouble(read(bytes, at));
    return true;
  },
});

const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const UUID_BYTES = Buffer.alloc(16);

const UUID: BinaryElement = {
  oid: 2950,
  add(out, bytes, at) {
    const start = endOfVarint(bytes, at);
    const text = bytes.toString('latin1', start, start + readVarint(bytes, at));
    if (!UUID_TEXT.test(text)) return false;
    UUID_BYTES.write(text.replaceAll('-', ''), 'hex');
    out.addBytes(UUID_BYTES, 0, UUID_BYTES.length, null);
    return true;
  },
};

/** A string or bytes, as they are. */
function prefixed(oid: number, version: number | null): BinaryElement {
  return {
    oid,
    add(out, bytes, at) {
      const start = endOfVarint(bytes, at);
      out.addBytes(bytes, start, start + readVarint(bytes, at), version);
      return true;
    },
  };
}

function fixed(oid: number, size: number): BinaryElement {
  return {
    oid,
    add(out, bytes, at) {
      out.addBytes(bytes, at, at + size, null);
      return true;
    },
  };
}

const DATE: BinaryElement = {
  oid: 1082,
  add(out, bytes, at) {
    const days = readVarint(bytes, at);
    if (!(Math.abs(days) < DAYS_MAX)) return false;
    out.addInt32(days - EPOCH_DAYS);
    return true;
  },
  addSpecial(out, text) {
    if (text !== 'infinity' && text !== '-infinity') return false;
    out.addInt32(text === 'infinity' ? 0x7fff_ffff : -0x8000_0000);
    return true;
  },
};

function timestamp(oid: number, microsPerUnit: number): BinaryElement {
  return {
    oid,
    add(out, bytes, at) {
      const micros = readVarint(bytes, at) * microsPerUnit;
      if (Number.isSafeInteger(micros)) {
        addLong(out, micros - EPOCH_MICROS);
        return true;
      }
      const exact = readBigVarint(bytes, at) * BigInt(microsPerUnit);
      if (exact > MICROS_MAX || exact < -MICROS_MAX) return false;
      out.addBigInt(exact - BigInt(EPOCH_MICROS));
      return true;
    },
    addSpecial(out, text) {
      if (text !== 'infinity' && text !== '-infinity') return false;
      if (text === 'infinity') out.addInt64(0x7fff_ffff, -1);
      else out.addInt64(-0x8000_0000, 0);
      return true;
    },
  };
}

function time(microsPerUnit: number): BinaryElement {
  return {
    oid: 1083,
    add(out, bytes, at) {
      const micros = readVarint(bytes, at) * microsPerUnit;
      if (!Number.isSafeInteger(micros)) return false;
      addLong(out, micros);
      return true;
    },
  };
}

const NUMERIC_SPECIALS: Readonly<Record<string, number>> = {
  NaN: 0xc000,
  Infinity: 0xd000,
  '-Infinity': 0xf000,
};
/** Most bytes of a number that a double holds exactly. */
const EXACT_BYTES = 6;

/** @param size of a fixed; null of bytes */
function decimal(scale: number, size: number | null): BinaryElement {
  return {
    oid: 1700,
    add(out, bytes, at) {
      const start = size === null ? endOfVarint(bytes, at) : at;
      const length = size ?? readVarint(bytes, at);
      const isSmall = length > 0 && length <= EXACT_BYTES;
      const words = isSmall ? smallNumericWords(signed(bytes, start, length), scale) : 0;
      if (words > 0) {
        out.addWords(SMALL, words);
        return true;
      }
      const hex = bytes.toString('hex', start, start + length);
      const unscaled = length === 0 ? 0n : BigInt.asIntN(length * 8, BigInt(`0x${hex}`));
      const large = numericWords({ unscaled, scale });
      out.addWords(large, large.length);
      return true;
    },
    addSpecial(out, text) {
      const sign = NUMERIC_SPECIALS[text];
      if (sign === undefined) return false;
      SMALL.fill(0, 0, 4);
      SMALL[2] = sign;
      out.addWords(SMALL, 4);
      return true;
    },
  };
}

/** Two's complement, big-endian, of at most {@link EXACT_BYTES} bytes. */
function signed(bytes: Buffer, start: number, length: number): number {
  let value = ((bytes[start] as number) << 24) >> 24;
  for (let i = start + 1; i < start + length; i++) value = value * 0x100 + (bytes[i] as number);
  return value;
}

function enumerated(oid: number, version: number | null, symbols: readonly string[]): BinaryElement {
  return {
    oid,
    add(out, bytes, at) {
      out.addText(symbols[readVarint(bytes, at)] as string, version);
      return true;
    },
  };
}

/** By Avro type, then by the type of the parameter. */
const PLAIN: Readonly<Record<string, Readonly<Record<string, BinaryElement>>>> = {
  boolean: { boolean: BOOLEAN },
  int: { integer: INT, smallint: SMALLINT, bigint: BIGINT },
  long: { bigint: BIGINT },
  float: { real: REAL, 'double precision': doubleOf((bytes, at) => bytes.readFloatLE(at)) },
  double: { 'double precision': doubleOf((bytes, at) => bytes.readDoubleLE(at)) },
  bytes: { bytea: prefixed(17, null) },
};

const WITH_ZONE = 'timestamp with time zone';
const WITHOUT_ZONE = 'timestamp without time zone';
const TIME = 'time without time zone';
const timestamps = (microsPerUnit: number): Readonly<Record<string, BinaryElement>> => ({
  [WITH_ZONE]: timestamp(1184, microsPerUnit),
  [WITHOUT_ZONE]: timestamp(1114, microsPerUnit),
});

const LOGICALS: Readonly<Record<string, Readonly<Record<string, BinaryElement>>>> = {
  'string uuid': { uuid: UUID },
  'int date': { date: DATE },
  'int time-millis': { [TIME]: time(1000) },
  'long time-micros': { [TIME]: time(1) },
  'long timestamp-millis': timestamps(1000),
  'long timestamp-micros': timestamps(1),
  'long local-timestamp-millis': timestamps(1000),
  'long local-timestamp-micros': timestamps(1),
};

/** Null where the column's values have to be sent as text. @param schema without null */
export function binaryElement(schema: AvroSchema, type: TargetType): BinaryElement | null {
  if (typeof schema === 'string') return primitiveElement(schema, schema, type);
  if (isUnion(schema)) return null;
  const { type: name, logicalType, scale = 0 } = schema as AvroLogical;
  const size = name === ('fixed' as string) ? (schema as unknown as { readonly size: number }).size : null;
  if (logicalType === 'decimal') return type.parameter === 'numeric' ? decimal(scale, size) : null;
  const known = LOGICALS[`${name} ${logicalType}`];
  return known === undefined ? primitiveElement(name, schema, type) : (known[type.parameter] ?? null);
}

function primitiveElement(name: string, schema: AvroSchema, type: TargetType): BinaryElement | null {
  const { parameter } = type;
  const textOid = TEXT_OIDS[parameter];
  const version = parameter === 'jsonb' ? JSONB_VERSION : null;
  const isText = textOid !== undefined && type.text === String;
  if (name === 'string') return isText ? prefixed(textOid, version) : null;
  if (name === 'enum')
    return isText
      ? enumerated(textOid, version, (schema as { readonly symbols: readonly string[] }).symbols)
      : null;
  if (name === 'fixed')
    return parameter === 'bytea' ? fixed(17, (schema as { readonly size: number }).size) : null;
  return PLAIN[name]?.[parameter] ?? null;
}
