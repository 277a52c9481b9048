import type { AvroSchema } from '../avro-schema.ts';
import { PRIMITIVES, fullNameOf } from '../full-names.ts';

/** A field of a record, and where it stands. */
interface NodeField {
  readonly name: string;
  readonly aliases: readonly string[];
  /** Undefined when there is none. */
  readonly default: unknown;
  readonly doc: string | undefined;
  readonly node: SchemaNode;
  readonly path: string;
}

/**
 * A schema with its references followed, so that a type that holds itself is a circle. What a kind of schema does not
 * have is empty.
 */
export interface SchemaNode {
  /** A primitive, `record`, `enum`, `fixed`, `array`, `map`, or `union`. */
  readonly type: string;
  /** JSON pointer (RFC 6901) of its definition in the schema. */
  readonly path: string;
  /** Full name; empty for what has none. */
  readonly name: string;
  /** Full names too. */
  readonly aliases: readonly string[];
  readonly logicalType: string | undefined;
  readonly precision: number | undefined;
  readonly scale: number;
  readonly size: number;
  readonly symbols: readonly string[];
  /** Of an enum. */
  readonly default: string | undefined;
  readonly fields: readonly NodeField[];
  /** Items of an array, values of a map, branches of a union. */
  readonly inner: readonly SchemaNode[];
}

/** All that a schema may have, as the JSON has it. */
interface Json {
  readonly type: AvroSchema;
  readonly name?: string;
  readonly namespace?: string;
  readonly aliases?: readonly string[];
  readonly logicalType?: string;
  readonly precision?: number;
  readonly scale?: number;
  readonly size?: number;
  readonly symbols?: readonly string[];
  readonly default?: unknown;
  readonly doc?: string;
  readonly fields?: readonly Json[];
  readonly items?: AvroSchema;
  readonly values?: AvroSchema;
}

type Draft = { -readonly [K in keyof SchemaNode]: SchemaNode[K] };

/** @throws TypeError for a reference to what is not defined before it */
export function schemaNode(schema: AvroSchema): SchemaNode {
  return parsed(schema, '', undefined, new Map());
}

function parsed(
  schema: AvroSchema,
  path: string,
  namespace: string | undefined,
  known: Map<string, SchemaNode>,
): SchemaNode {
  if (typeof schema === 'string') {
    if (PRIMITIVES.has(schema)) return draft(schema, path);
    const meant = known.get(fullNameOf(schema, namespace)) ?? known.get(schema);
    if (meant === undefined) throw new TypeError(`${schema} at ${path} is not defined before it`);
    return meant;
  }
  if (Array.isArray(schema)) {
    const branches = schema as readonly AvroSchema[];
    const inner = branches.map((branch, i) => parsed(branch, `${path}/${i}`, namespace, known));
    return { ...draft('union', path), inner };
  }
  const json = schema as unknown as Json;
  if (typeof json.type !== 'string') return parsed(json.type, `${path}/type`, namespace, known);
  const node = draft(json.type, path);
  node.logicalType = json.logicalType;
  node.precision = json.precision;
  node.scale = json.scale ?? 0;
  if (json.items !== undefined) node.inner = [parsed(json.items, `${path}/items`, namespace, known)];
  if (json.values !== undefined) node.inner = [parsed(json.values, `${path}/values`, namespace, known)];
  return json.name === undefined ? node : named(node, json, json.name, namespace, known);
}

function named(
  node: Draft,
  json: Json,
  name: string,
  outer: string | undefined,
  known: Map<string, SchemaNode>,
): SchemaNode {
  node.name = fullNameOf(name, json.namespace ?? outer);
  const namespace = node.name.split('.').slice(0, -1).join('.') || undefined;
  node.aliases = (json.aliases ?? []).map((alias) => fullNameOf(alias, namespace));
  node.size = json.size ?? 0;
  node.symbols = json.symbols ?? [];
  node.default = typeof json.default === 'string' ? json.default : undefined;
  known.set(node.name, node);
  node.fields = (json.fields ?? []).map((field, i) => ({
    name: field.name ?? '',
    aliases: field.aliases ?? [],
    default: field.default,
    doc: field.doc,
    node: parsed(field.type, `${node.path}/fields/${i}/type`, namespace, known),
    path: `${node.path}/fields/${i}`,
  }));
  return node;
}

function draft(type: string, path: string): Draft {
  return {
    type,
    path,
    name: '',
    aliases: [],
    logicalType: undefined,
    precision: undefined,
    scale: 0,
    size: 0,
    symbols: [],
    default: undefined,
    fields: [],
    inner: [],
  };
}

/** A type as one says it: `decimal(12,4)`, `record public.orders.Value`, `string or null`. */
export function nodeText(node: SchemaNode): string {
  const { type, name, logicalType, inner } = node;
  if (type === 'union') {
    const isNull = (branch: SchemaNode): boolean => branch.type === 'null';
    return [...inner.filter((branch) => !isNull(branch)), ...inner.filter(isNull)].map(nodeText).join(' or ');
  }
  if (logicalType === 'decimal') return `decimal(${node.precision ?? '?'},${node.scale})`;
  if (logicalType !== undefined) return logicalType;
  if (type === 'array' || type === 'map') return `${type} of ${inner.map(nodeText).join()}`;
  return name === '' ? type : `${type} ${name}`;
}
