import { Failure } from '../../../infra/process/failure.ts';
import { arrayCodec } from './array-codec.ts';
import { avroName } from '../shapes/avro-name.ts';
import { writeBytes } from './avro-varint.ts';
import { writeBoolean } from './boolean-text.ts';
import { writeBytea } from './bytea-text.ts';
import { writeCheckedText } from './checked-text.ts';
import type { ColumnCodec, ColumnType, TypeAttribute, TypeShape } from './column-codec.ts';
import { type RecordName, compositeCodec } from './composite-codec.ts';
import { writeMoney } from './decimal-text.ts';
import { writeDouble, writeFloat } from './float-text.ts';
import { ewkbCodec, pointCodec } from './geometry-text.ts';
import { hstoreCodec } from './hstore-text.ts';
import { writeInteger } from './integer-text.ts';
import { DECIMAL_PRECISION_MAX, decimalCodec, declaredDecimal } from './numeric-codec.ts';
import {
  writeClampedDate,
  writeClampedTime,
  writeClampedTimestamp,
  writeDate,
  writeTime,
  writeTimestamp,
} from './temporal-text.ts';
import { type ColumnRule, DEFAULT_RULE, type Representation } from './type-policy.ts';
import { sparseVectorCodec, vector } from './vector-text.ts';

export interface CodecRequest {
  /** The column as a person names it: `schema.table.column`. */
  readonly column: string;
  /** What a record in place of the column is called; no other type of the schema may have the name. */
  readonly record: RecordName;
  readonly rule: ColumnRule;
  /** The database does not know its encoding (SQL_ASCII), so that text may be no UTF-8. */
  readonly isTextUnchecked: boolean;
}

const PLAIN: CodecRequest = {
  column: 'column',
  record: { name: 'value', namespace: 'column' },
  rule: DEFAULT_RULE,
  isTextUnchecked: false,
};

const OID = {
  point: 600,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  bit: 1560,
  numeric: 1700,
};

const LOCAL_TIMESTAMP = { type: 'long', logicalType: 'local-timestamp-micros' } as const;
const TIMESTAMP = { type: 'long', logicalType: 'timestamp-micros' } as const;
const BOOLEAN: ColumnCodec = { avro: 'boolean', write: writeBoolean };
const DOUBLE: ColumnCodec = { avro: 'double', write: writeDouble };
const TEXT: ColumnCodec = { avro: 'string', write: writeBytes };
const CHECKED_TEXT: ColumnCodec = { avro: 'string', write: writeCheckedText };

/** By type oid, which never changes for a built-in type: src/include/catalog/pg_type.dat. */
const CODECS: ReadonlyMap<number, ColumnCodec> = new Map<number, ColumnCodec>([
  [16, BOOLEAN],
  [17, { avro: 'bytes', write: writeBytea }],
  [20, { avro: 'long', write: writeInteger }],
  [21, { avro: 'int', write: writeInteger }],
  [23, { avro: 'int', write: writeInteger }],
  [26, { avro: 'long', write: writeInteger }],
  [28, { avro: 'long', write: writeInteger }],
  [700, { avro: 'float', write: writeFloat }],
  [701, DOUBLE],
  [790, { avro: { type: 'bytes', logicalType: 'decimal', precision: 19, scale: 2 }, write: writeMoney }],
  [OID.date, { avro: { type: 'int', logicalType: 'date' }, write: writeDate }],
  [OID.time, { avro: { type: 'long', logicalType: 'time-micros' }, write: writeTime }],
  [OID.timestamp, { avro: LOCAL_TIMESTAMP, write: writeTimestamp }],
  [OID.timestamptz, { avro: TIMESTAMP, write: writeTimestamp }],
  [2950, { avro: { type: 'string', logicalType: 'uuid' }, write: writeBytes }],
]);

/** The types that have values which Avro's have not, with the writers that clamp them. */
const CLAMPING: ReadonlyMap<number, ColumnCodec['write']> = new Map([
  [OID.date, writeClampedDate],
  [OID.time, writeClampedTime],
  [OID.timestamp, writeClampedTimestamp],
  [OID.timestamptz, writeClampedTimestamp],
]);

/**
 * The Avro type of a column and its writer. A type without an Avro counterpart keeps its text.
 * @throws Failure `source.column_rule` (stop) for a rule that does not fit the type
 */
export function columnCodec(type: ColumnType, request: CodecRequest = PLAIN): ColumnCodec {
  const { as, special } = request.rule;
  const codec = as === null ? usual(type, request) : represented(type, as, request);
  return special === 'error' ? refusing(codec, request.column) : codec;
}

function usual(type: ColumnType, request: CodecRequest): ColumnCodec {
  const text = request.isTextUnchecked ? CHECKED_TEXT : TEXT;
  const { special } = request.rule;
  if (type.shape !== undefined) return shaped(type.shape, request, text);
  if (type.oid === OID.bit) return type.typmod === 1 ? BOOLEAN : TEXT;
  if (type.oid === OID.point) return pointCodec(request.record);
  if (type.oid === OID.numeric) {
    const size = declaredDecimal(type.typmod);
    return size === null || special === 'string' ? TEXT : decimalCodec(size, special === 'clamp');
  }
  const codec = CODECS.get(type.oid) ?? text;
  const clamping = CLAMPING.get(type.oid);
  if (clamping === undefined || special === 'null' || special === 'error') return codec;
  return special === 'clamp' ? { avro: codec.avro, write: clamping } : TEXT;
}

function shaped(shape: TypeShape, request: CodecRequest, text: ColumnCodec): ColumnCodec {
  const { special } = request.rule;
  switch (shape.kind) {
    case 'array': {
      // Postgres does not hold a column to its declared dimensions; the declaration still tells what to expect.
      if (shape.dimensions > 1 || special === 'string') return text;
      const options = { delimiter: shape.delimiter, dropsLowerBound: special === 'clamp' };
      return arrayCodec(usual(shape.element, request), options);
    }
    case 'extension':
      return EXTENSION_CODECS[`${shape.extension}.${shape.name}`]?.(request.record) ?? text;
    case 'composite':
      return request.rule.as?.kind === 'record' ? recordCodec(shape.attributes, request) : text;
    case 'enum':
      return text;
  }
}

/** By `extension.type`: their oids differ from database to database. */
const EXTENSION_CODECS: Readonly<Record<string, (record: RecordName) => ColumnCodec>> = {
  'hstore.hstore': hstoreCodec,
  'vector.vector': () => vector,
  'vector.halfvec': () => vector,
  'vector.sparsevec': sparseVectorCodec,
  'postgis.geometry': ewkbCodec,
  'postgis.geography': ewkbCodec,
};

function represented(type: ColumnType, as: Representation, request: CodecRequest): ColumnCodec {
  const { shape, oid } = type;
  const inner = shape?.kind === 'array' ? shape.element.shape : shape;
  if (as.kind === 'record' && inner?.kind === 'composite') return usual(type, request);
  if (as.kind === 'timestamp-micros' && oid === OID.timestamp)
    return { avro: TIMESTAMP, write: usual(type, request).write };
  if (as.kind === 'double' && oid === OID.numeric) return DOUBLE;
  if (as.kind === 'decimal' && oid === OID.numeric) return decimalCodec(as, request.rule.special === 'clamp');
  throw new Failure(
    'source.column_rule',
    'stop',
    `the rule ${as.kind} of column ${request.column} does not fit its type`,
    {
      fix: `record is for composite types, timestamp-micros for timestamp, double and decimal (up to ${DECIMAL_PRECISION_MAX} digits) for numeric`,
    },
  );
}

/** Composites within become records too. */
function recordCodec(attributes: readonly TypeAttribute[], request: CodecRequest): ColumnCodec {
  const { record } = request;
  const namespace = `${record.namespace}.${record.name}`;
  const fields = attributes.map(({ name, type }) => ({
    name,
    codec: usual(type, { ...request, record: { name: avroName(name), namespace } }),
  }));
  return fields.length === 0 ? TEXT : compositeCodec(record, fields);
}

/** The message has no value: it may be secret. */
function refusing(codec: ColumnCodec, column: string): ColumnCodec {
  return {
    ...codec,
    write: (out, at, source, start, end) => {
      const behind = codec.write(out, at, source, start, end);
      if (behind >= 0) return behind;
      throw new Failure(
        'source.special_value',
        'stop',
        `column ${column} has a value that its Avro type does not have (infinity, NaN, 24:00:00, dimensions), and the policy for such values is error`,
        { fix: 'change the row in the source, or give the column the policy null, string or clamp' },
      );
    },
  };
}
