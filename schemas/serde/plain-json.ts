import { type AvroSchema, isUnion } from '../avro-schema.ts';
import { type Decimal, decimalText } from '../decimal.ts';
import { type Members, type Named, branchName, isMembers, mapped, shapeOf } from './schema-shape.ts';

/**
 * An Avro value as plain JSON that loses nothing: a `long` is a number as long as that is exact, else a string of its
 * digits; a `decimal` a string with all its places; bytes base64; NaN and the infinities strings. A union is the value
 * itself, without the name of its branch.
 */
export function toPlainJson(schema: AvroSchema, value: unknown): unknown {
  return written(schema, value, new Map());
}

function written(schema: AvroSchema, value: unknown, known: Named): unknown {
  if (value === null || value === undefined) return null;
  if (isUnion(schema)) return writtenUnion(schema, value, known);
  const { shape, named } = shapeOf(schema, known);
  if (shape.logicalType === 'decimal') return decimalText(value as Decimal);
  switch (shape.type) {
    case 'long':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value as bigint);
    case 'float':
    case 'double':
      return Number.isFinite(value) ? value : String(value as number);
    case 'bytes':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'array':
      return (value as readonly unknown[]).map((item) => written(shape.items ?? 'null', item, named));
    case 'map':
      return mapped(value as Members, (member) => written(shape.values ?? 'null', member, named));
    case 'record':
      return Object.fromEntries(
        (shape.fields ?? []).map(({ name, type }) => [name, written(type, (value as Members)[name], named)]),
      );
    default:
      return value;
  }
}

function writtenUnion(branches: readonly AvroSchema[], value: unknown, known: Named): unknown {
  const others = branches.filter((branch) => branch !== 'null');
  const only = others.length === 1 ? others[0] : others.find((branch) => holds(branch, value, known));
  if (only !== undefined) return written(only, value, known);
  // Branches that their values cannot tell apart come as { branch: value }.
  for (const branch of others) {
    const name = branchName(branch);
    if (typeof value === 'object' && value !== null && name in value)
      return { [name]: written(branch, (value as Members)[name], known) };
  }
  throw new TypeError('a value fits no branch of its union');
}

function holds(branch: AvroSchema, value: unknown, known: Named): boolean {
  const { shape } = shapeOf(branch, known);
  if (shape.logicalType === 'decimal')
    return typeof value === 'object' && value !== null && 'unscaled' in value;
  switch (shape.type) {
    case 'boolean':
    case 'string':
      return typeof value === shape.type;
    case 'long':
      return typeof value === 'bigint';
    case 'int':
    case 'float':
    case 'double':
      return typeof value === 'number';
    case 'bytes':
      return Buffer.isBuffer(value);
    case 'array':
      return Array.isArray(value);
    case 'record':
      return isMembers(value) && (shape.fields ?? []).every(({ name }) => name in value);
    default:
      return false;
  }
}
