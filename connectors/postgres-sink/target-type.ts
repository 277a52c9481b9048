import { type AvroField, type AvroSchema, withoutNull } from '../../schemas/avro-schema.ts';
import { jsonText } from './json-text.ts';
import { type TargetType, scalarType } from './scalar-type.ts';

/** The types that a source may name for a field (`pg.type`), by the type that its Avro schema has by itself. */
const DECLARABLE: Readonly<Record<string, RegExp>> = {
  integer: /^(smallint|integer)$/,
  bigint: /^(bigint|oid)$/,
  'double precision': /^(real|double precision)$/,
  text: new RegExp(
    '^(text|character varying|bpchar|uuid|numeric|jsonb?|xml|interval|inet|cidr|macaddr8?|smallint|integer|bigint' +
      '|real|double precision|boolean|date|bytea|time with(out)? time zone|timestamp with(out)? time zone' +
      '|bit varying|tsvector|tsquery|point|int4range|int8range|numrange|daterange|tsrange|tstzrange)(\\[\\])?$',
  ),
};

/** Types that an array parameter can carry; an array type travels as text, because `unnest` flattens nested arrays. */
const PLAIN_PARAMETER = /^[a-z0-9 ]+$/;

/**
 * The column type of a field: by its Avro type, or the built-in type that the field's `pg.type` names where its
 * values have that type's text. Lengths are left out, so that a longer varchar in the source changes nothing here.
 * @throws Failure `sink.unsupported_type` (stop)
 */
export function targetType(field: AvroField): TargetType {
  const own = avroType(withoutNull(field.type), field.name);
  const declared = field['pg.type'] === undefined ? own.sql : withoutLength(field['pg.type']);
  if (declared === own.sql || DECLARABLE[own.sql]?.test(declared) !== true) return own;
  const parameter = PLAIN_PARAMETER.test(declared) ? declared : 'text';
  return { sql: declared, parameter, text: own.text, quoted: own.quoted };
}

/** Drops what stands in parentheses. `character` is spelled `bpchar` without a length: `character` alone is char(1). */
function withoutLength(declared: string): string {
  return declared.replace(/^character(\(\d+\))?(?=\[|$)/, 'bpchar').replace(/\(\d+(,-?\d+)?\)/, '');
}

function avroType(schema: AvroSchema, name: string): TargetType {
  return isNested(schema)
    ? { sql: 'jsonb', parameter: 'jsonb', text: (value) => jsonText(schema, value), quoted: true }
    : scalarType(schema, name);
}

function isNested(schema: AvroSchema): boolean {
  if (typeof schema === 'string') return false;
  if (Array.isArray(schema)) return true;
  return ['record', 'array', 'map'].includes((schema as { readonly type: string }).type);
}
