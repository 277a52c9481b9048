import { Failure } from '../../infra/process/failure.ts';
import type { AvroLogical, AvroSchema } from '../../schemas/avro-schema.ts';
import { type Decimal, decimalText } from '../../schemas/decimal.ts';
import { dateText, timeText, timestampText } from './calendar-text.ts';

/** How the values of an Avro field become the values of a Postgres column. Every conversion is exact. */
export interface TargetType {
  /** The column's type, spelled as Postgres's `format_type` prints it. */
  readonly sql: string;
  /** Element type of the array parameter that carries the column; another one than the column's is cast. */
  readonly parameter: string;
  /** What a text parameter is cast to; default `sql`. */
  readonly cast?: string;
  /** The Postgres input text of a decoded value (never of null). */
  readonly text: (value: unknown) => string;
  /** Whether the text may hold characters that an array literal must quote. */
  readonly quoted: boolean;
  /** What is written for a value that the Avro type does not have, by its Postgres text; default that text. */
  readonly special?: (text: string) => string;
  /** The type to take where the target has no type `sql`, or has the column as this one already. */
  readonly instead?: TargetType;
}

/** The column type of an Avro schema that is no record, array, map or union. @throws Failure `sink.unsupported_type` (stop) */
export function scalarType(schema: AvroSchema, field: string): TargetType {
  if (typeof schema === 'string') return primitiveType(schema, field);
  if ('logicalType' in schema) return logicalType(schema as AvroLogical, field);
  return primitiveType((schema as { readonly type: string }).type, field);
}

function primitiveType(name: string, field: string): TargetType {
  const type = PRIMITIVES[name];
  if (type !== undefined) return type;
  throw new Failure(
    'sink.unsupported_type',
    'stop',
    `field ${field} has the Avro type ${name}, which has no column type`,
    {
      fix: 'leave the field out of the topic, or give it another Avro type',
    },
  );
}

function logicalType(schema: AvroLogical, name: string): TargetType {
  if (schema.logicalType === 'decimal') return decimalType(schema);
  return LOGICALS[`${schema.type} ${schema.logicalType}`] ?? primitiveType(schema.type, name);
}

function decimalType(schema: AvroLogical): TargetType {
  const sql =
    schema.precision === undefined ? 'numeric' : `numeric(${schema.precision},${schema.scale ?? 0})`;
  return { sql, parameter: 'numeric', text: (value) => decimalText(value as Decimal), quoted: false };
}

function numberText(value: unknown): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function plain(sql: string, text: (value: unknown) => string, quoted: boolean): TargetType {
  return { sql, parameter: sql, text, quoted };
}

const TEXT = plain('text', String, true);
const BYTEA = plain('bytea', (value) => `\\x${(value as Buffer).toString('hex')}`, true);

const PRIMITIVES: Readonly<Record<string, TargetType>> = {
  boolean: plain('boolean', String, false),
  int: plain('integer', numberText, false),
  long: plain('bigint', String, false),
  // float8 also for a float: a later promotion to double then needs no rewrite of the table
  float: plain('double precision', numberText, false),
  double: plain('double precision', numberText, false),
  string: TEXT,
  enum: TEXT,
  bytes: BYTEA,
  fixed: BYTEA,
};

const zoned = (micros: bigint): string => timestampText(micros, '+00');
const local = (micros: bigint): string => timestampText(micros, '');
const WITH_ZONE = 'timestamp with time zone';
const WITHOUT_ZONE = 'timestamp without time zone';
const TIME = 'time without time zone';

const LOGICALS: Readonly<Record<string, TargetType>> = {
  'string uuid': plain('uuid', String, true),
  'int date': plain('date', (value) => dateText(value as number), true),
  'int time-millis': plain(TIME, (value) => timeText(BigInt(value as number) * 1000n), true),
  'long time-micros': plain(TIME, (value) => timeText(value as bigint), true),
  'long timestamp-millis': plain(WITH_ZONE, (value) => zoned((value as bigint) * 1000n), true),
  'long timestamp-micros': plain(WITH_ZONE, (value) => zoned(value as bigint), true),
  'long local-timestamp-millis': plain(WITHOUT_ZONE, (value) => local((value as bigint) * 1000n), true),
  'long local-timestamp-micros': plain(WITHOUT_ZONE, (value) => local(value as bigint), true),
};
