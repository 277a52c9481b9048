import { type AvroSchema, isUnion } from './avro-schema.ts';

export const PRIMITIVES: ReadonlySet<string> = new Set([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]);

/** The name that a type is referred to by, from within a namespace. */
export function fullNameOf(name: string, namespace: string | undefined): string {
  return name.includes('.') || namespace === undefined ? name : `${namespace}.${name}`;
}

/**
 * The same schema with every reference as a full name, so that it means the same wherever it is put.
 * @throws TypeError for a reference to a type that has no namespace
 */
export function withFullNames(schema: AvroSchema, namespace?: string): AvroSchema {
  if (typeof schema === 'string') return PRIMITIVES.has(schema) ? schema : reference(schema, namespace);
  if (isUnion(schema)) return schema.map((branch) => withFullNames(branch, namespace));
  if ('items' in schema) return { ...schema, items: withFullNames(schema.items, namespace) };
  if ('values' in schema) return { ...schema, values: withFullNames(schema.values, namespace) };
  if (!('fields' in schema)) return schema;
  const own = fullNameOf(schema.name, schema.namespace ?? namespace)
    .split('.')
    .slice(0, -1)
    .join('.');
  const fields = schema.fields.map((field) => ({
    ...field,
    type: withFullNames(field.type, own === '' ? undefined : own),
  }));
  return { ...schema, fields };
}

function reference(name: string, namespace: string | undefined): AvroSchema {
  const [space, ...rest] = fullNameOf(name, namespace).split('.');
  if (rest.length > 0) return `${space}.${rest.join('.')}`;
  throw new TypeError(`${name} is referred to and has no namespace: give the record of the file one`);
}
