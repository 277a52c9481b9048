/** Avro 1.11 schemas as plain JSON: https://avro.apache.org/docs/1.11.1/specification/ */
export type AvroPrimitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string';

export interface AvroLogical extends KeyProperty {
  readonly type: AvroPrimitive;
  readonly logicalType: string;
  readonly precision?: number;
  readonly scale?: number;
}

/** A primitive with properties for other readers. */
interface AvroAnnotated extends ConnectProperties, KeyProperty {
  readonly type: AvroPrimitive;
}

/** A primitive as a file of its own: only keys are. */
export type AvroKey = AvroLogical | AvroAnnotated;

/** In `.avsc` files, for the types that are generated from them. */
interface KeyProperty {
  /** What a key identifies: the full name of the record that is the key of the same things, or, of a primitive, any name. */
  readonly 'millrace.key'?: string;
}

/** How Kafka Connect names a schema. */
interface ConnectProperties {
  readonly 'connect.name'?: string;
  readonly 'connect.version'?: number;
  readonly 'connect.default'?: unknown;
  readonly 'connect.parameters'?: Readonly<Record<string, string>>;
}

/** The full name of a type that is defined earlier in the same schema. */
type AvroReference = `${string}.${string}`;

/** One of some names, written as its place among them. */
export interface AvroEnum extends ConnectProperties {
  readonly type: 'enum';
  readonly name: string;
  readonly namespace?: string;
  readonly doc?: string;
  readonly symbols: readonly string[];
  readonly default?: string;
}

/** Always `size` bytes. */
export interface AvroFixed extends ConnectProperties {
  readonly type: 'fixed';
  readonly name: string;
  readonly namespace?: string;
  readonly doc?: string;
  readonly size: number;
  readonly logicalType?: string;
  readonly precision?: number;
  readonly scale?: number;
}

export interface AvroField {
  readonly name: string;
  /** Names under which a reader takes the field from writers that have it under one of them. */
  readonly aliases?: readonly string[];
  readonly type: AvroSchema;
  readonly default?: unknown;
  readonly doc?: string;
  /** Name of the Postgres type that the column came from, as `format_type` prints it. */
  readonly 'pg.type'?: string;
}

export interface AvroRecord extends ConnectProperties, KeyProperty {
  readonly type: 'record';
  readonly name: string;
  readonly namespace?: string;
  readonly doc?: string;
  readonly fields: readonly AvroField[];
}

export interface AvroArray {
  readonly type: 'array';
  readonly items: AvroSchema;
}

export interface AvroMap {
  readonly type: 'map';
  readonly values: AvroSchema;
}

/** A union is a list of schemas; `["null", X]` is how Millrace writes every nullable field. */
export type AvroSchema =
  | AvroPrimitive
  | AvroReference
  | AvroLogical
  | AvroAnnotated
  | AvroRecord
  | AvroEnum
  | AvroFixed
  | AvroArray
  | AvroMap
  | readonly AvroSchema[];

export function isUnion(schema: AvroSchema): schema is readonly AvroSchema[] {
  return Array.isArray(schema);
}

/** The schema behind a nullable union, or the schema itself. */
export function withoutNull(schema: AvroSchema): AvroSchema {
  if (!isUnion(schema)) return schema;
  const branches = schema.filter((branch) => branch !== 'null');
  return branches.length === 1 ? (branches[0] as AvroSchema) : branches;
}
