import type { AvroSchema } from '../avro-schema.ts';

export type Named = ReadonlyMap<string, AvroSchema>;
export type Members = Readonly<Record<string, unknown>>;

/** What of a schema decides its JSON; all is optional, since schemas of all kinds are looked at through it. */
export interface Shape {
  readonly type: string;
  readonly logicalType?: string;
  readonly scale?: number;
  readonly fields?: readonly {
    readonly name: string;
    readonly type: AvroSchema;
    readonly default?: unknown;
  }[];
  readonly items?: AvroSchema;
  readonly values?: AvroSchema;
  readonly name?: string;
  readonly namespace?: string;
}

/** A schema as an object, with the names that it defines for what is inside it. */
export function shapeOf(schema: AvroSchema, known: Named): { readonly shape: Shape; readonly named: Named } {
  const meant = typeof schema === 'string' ? (known.get(schema) ?? schema) : schema;
  if (typeof meant === 'string') return { shape: { type: meant }, named: known };
  const shape = meant as unknown as Shape;
  if (shape.name === undefined) return { shape, named: known };
  return { shape, named: new Map([...known, [branchName(meant), meant]]) };
}

export function branchName(schema: AvroSchema): string {
  if (typeof schema === 'string') return schema;
  const { name, namespace, type } = schema as unknown as Shape;
  if (name === undefined) return type;
  return namespace === undefined ? name : `${namespace}.${name}`;
}

export function mapped(members: Members, map: (member: unknown) => unknown): Members {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, map(member)]));
}

export const isMembers = (json: unknown): json is Members =>
  typeof json === 'object' && json !== null && !Array.isArray(json) && !Buffer.isBuffer(json);
