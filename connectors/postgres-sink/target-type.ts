import { type AvroField, type AvroSchema, isUnion, withoutNull } from '../../schemas/avro-schema.ts';
import { type DeclaredType, castOf, declaredType, delimiterOf } from './declared-type.ts';
import { jsonText } from './json-text.ts';
import { nestedText } from './nested-text.ts';
import { type TargetType, scalarType } from './scalar-type.ts';

/**
 * The built-in types whose text is that of an Avro type, by the column type that the Avro type has by itself; text is
 * that of every type.
 */
const CARRIES: Readonly<Record<string, RegExp>> = {
  boolean: /^(boolean|bit)$/,
  integer: /^(smallint|integer)$/,
  bigint: /^(bigint|oid|xid)$/,
  'double precision': /^(real|double precision)$/,
  numeric: /^(numeric|money)$/,
  // the source's rule timestamp-micros is for columns without a time zone
  'timestamp with time zone': /^timestamp with(out)? time zone$/,
  text: /^/,
};

/**
 * Types that an array parameter can carry: no arrays, because `unnest` flattens nested ones, no `box`, whose arrays have
 * another delimiter, and no `bit`, whose elements would be cut to one.
 */
const PLAIN_PARAMETER = /^(?!box$|bit$)[a-z0-9 ]+$/;

/**
 * The column type of a field: the type that its `pg.type` names, where that has the values of its Avro type, else the
 * one that the Avro type has by itself.
 * @throws Failure `sink.unsupported_type` (stop)
 */
export function targetType(field: AvroField): TargetType {
  const schema = withoutNull(field.type);
  const declared = field['pg.type'] === undefined ? null : declaredType(field['pg.type']);
  if (isNested(schema)) return nestedType(schema, declared);
  const own = scalarType(schema, field.name);
  if (declared === null || declared.sql === own.sql) return own;
  if (declared.isBuiltIn && !holds(declared, own.sql)) return own;
  return { ...declaredColumn(declared, textOf(declared, own)), instead: own };
}

function nestedType(schema: AvroSchema, declared: DeclaredType | null): TargetType {
  const json: TargetType = {
    sql: 'jsonb',
    parameter: 'jsonb',
    text: (value) => jsonText(schema, value),
    quoted: true,
    special: (text) => JSON.stringify(text),
  };
  const text = declared === null ? null : nestedText(schema, delimiterOf(declared));
  if (declared === null || text === null) return json;
  const column = declaredColumn(declared, text);
  if (!declared.isBuiltIn) return { ...column, instead: arrayOfOwn(schema) ?? json };
  return holdsNested(declared, schema) ? { ...column, instead: json } : json;
}

/** An array of the column type that the elements have by themselves. */
function arrayOfOwn(schema: AvroSchema): TargetType | null {
  if (typeof schema !== 'object' || !('items' in schema) || isNested(withoutNull(schema.items))) return null;
  const { sql } = scalarType(withoutNull(schema.items), 'element');
  const declared = declaredType(`${sql}[]`);
  // Elements that cannot be null are a vector's, whose text is another one.
  const text = nestedText({ type: 'array', items: ['null', withoutNull(schema.items)] });
  return declared === null || text === null ? null : declaredColumn(declared, text);
}

function holdsNested(declared: DeclaredType, schema: AvroSchema): boolean {
  if (typeof schema === 'object' && 'items' in schema) {
    const items = withoutNull(schema.items);
    if (!declared.isArray) return false;
    return isNested(items) ? declared.element === 'point' : holds(declared, scalarType(items, 'element').sql);
  }
  return declared.element === 'point' && !declared.isArray;
}

/** Whether every value of the Avro type whose own column type is `own` is one of the (element's) declared type. */
function holds(declared: DeclaredType, own: string): boolean {
  const [, kind = '', size] = /^([^(]*)(?:\((.*)\))?$/.exec(own) ?? [];
  const carried = CARRIES[kind];
  if (!(carried === undefined ? declared.element === kind : carried.test(declared.element))) return false;
  return declared.element !== 'numeric' || size === undefined || holdsDecimal(declared, size);
}

/** A decimal of the source's own making, or one that loses no digit behind the point. */
function holdsDecimal({ modifier }: DeclaredType, size: string): boolean {
  if (modifier === null) return true;
  const [precision = 0, scale = 0] = modifier.split(',').map(Number);
  const made = [scale < 0 ? precision - scale : Math.max(precision, scale), Math.max(0, scale)];
  return made.join(',') === size || scale >= Number(size.split(',')[1]);
}

function declaredColumn(declared: DeclaredType, text: TargetType['text']): TargetType {
  const cast = castOf(declared);
  const isPlain = declared.isBuiltIn && PLAIN_PARAMETER.test(cast);
  return { sql: declared.sql, parameter: isPlain ? cast : 'text', cast, text, quoted: true };
}

function textOf({ element }: DeclaredType, own: TargetType): TargetType['text'] {
  return element === 'bit' && own.sql === 'boolean' ? (value) => (value === true ? '1' : '0') : own.text;
}

function isNested(schema: AvroSchema): boolean {
  if (typeof schema === 'string') return false;
  if (isUnion(schema)) return true;
  return ['record', 'array', 'map'].includes((schema as { readonly type: string }).type);
}
