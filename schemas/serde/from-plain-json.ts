import { type AvroSchema, isUnion } from '../avro-schema.ts';
import { type Decimal, decimal, rescale } from '../decimal.ts';
import { type Members, type Named, type Shape, isMembers, mapped, shapeOf } from './schema-shape.ts';

/**
 * The Avro value that a JSON value stands for; the inverse of `toPlainJson`. A field that is left out has its
 * default.
 * @throws TypeError that names the place
 */
export function fromPlainJson(schema: AvroSchema, json: unknown): unknown {
  return parsed(schema, json, new Map(), 'the value');
}

function parsed(schema: AvroSchema, json: unknown, known: Named, place: string): unknown {
  if (isUnion(schema)) return parsedUnion(schema, json, known, place);
  const { shape, named } = shapeOf(schema, known);
  const { type, logicalType, scale = 0 } = shape;
  const refuse = (): never => {
    throw new TypeError(`${place} is no ${logicalType ?? type}`);
  };
  if (logicalType === 'decimal') return decimalOf(json, scale) ?? refuse();
  switch (type) {
    case 'null':
      return json === null ? null : refuse();
    case 'boolean':
    case 'string':
      return typeof json === type ? json : refuse();
    case 'int':
      return Number.isSafeInteger(json) && json === (Number(json) | 0) ? json : refuse();
    case 'long':
      return longOf(json) ?? refuse();
    case 'float':
    case 'double':
      return numberOf(json) ?? refuse();
    case 'bytes':
      return typeof json === 'string' ? Buffer.from(json, 'base64') : refuse();
    case 'array':
      if (!Array.isArray(json)) return refuse();
      return json.map((item, i) => parsed(shape.items ?? 'null', item, named, `${place}[${i}]`));
    case 'map':
      if (!isMembers(json)) return refuse();
      return mapped(json, (member) => parsed(shape.values ?? 'null', member, named, place));
    case 'record':
      return isMembers(json) ? parsedRecord(shape, json, named, place) : refuse();
    default:
      return refuse();
  }
}

function parsedRecord({ fields = [] }: Shape, json: Members, known: Named, place: string): Members {
  const unknown = Object.keys(json).find((name) => !fields.some((field) => field.name === name));
  if (unknown !== undefined) throw new TypeError(`${place} has no field ${unknown}`);
  return Object.fromEntries(
    fields.map(({ name, type, default: other }) => {
      const own = json[name];
      if (own === undefined && other === undefined) throw new TypeError(`${place} lacks the field ${name}`);
      return [name, parsed(type, own === undefined ? other : own, known, name)];
    }),
  );
}

function parsedUnion(branches: readonly AvroSchema[], json: unknown, known: Named, place: string): unknown {
  if (json === null && branches.includes('null')) return null;
  for (const branch of branches) {
    try {
      return parsed(branch, json, known, place);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
  throw new TypeError(`${place} fits no branch of its union`);
}

/** Long texts of digits are numbers that nobody has asked for: 64 bits have 20 characters. */
const LONG = /^-?\d{1,19}$/;

function longOf(json: unknown): bigint | null {
  if (Number.isSafeInteger(json)) return BigInt(json as number);
  if (typeof json !== 'string' || !LONG.test(json)) return null;
  const long = BigInt(json);
  return BigInt.asIntN(64, long) === long ? long : null;
}

function numberOf(json: unknown): number | null {
  if (typeof json === 'number') return json;
  return json === 'NaN' || json === 'Infinity' || json === '-Infinity' ? Number(json) : null;
}

function decimalOf(json: unknown, scale: number): Decimal | null {
  if (typeof json !== 'string' && typeof json !== 'number') return null;
  try {
    return rescale(decimal(String(json)), scale);
  } catch {
    return null;
  }
}
