import { PRIMITIVES, fullNameOf } from './full-names.ts';
import { type AvroEnum, type AvroFixed, type AvroRecord, type AvroSchema, isUnion } from './avro-schema.ts';

/** A type that has a name in Avro, and can be referred to by it. */
export type NamedSchema = AvroRecord | AvroEnum | AvroFixed;

export interface KnownType {
  readonly text: string;
  readonly type: NamedSchema['type'];
}

/** What the text of a type needs to know of the file that it stands in. */
export interface TypeScope {
  /** Namespace that names without dots belong to. */
  readonly namespace: string | undefined;
  /** Declares a record or an enum of the file, or refers to it when it is declared; gives its name in TypeScript. */
  declare(schema: AvroRecord | AvroEnum, fullName: string): string;
  /** Notes a fixed type, which has no name in TypeScript. */
  note(fullName: string, known: KnownType): void;
  /** A type that was defined earlier in the file. */
  refer(fullName: string): KnownType | undefined;
  /** Text of an imported type. */
  use(name: string): string;
}

const PRIMITIVE_TYPES: Readonly<Record<string, string>> = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'bigint',
  float: 'number',
  double: 'number',
  bytes: 'Buffer',
  string: 'string',
};

/** Types that are imported, by the primitive and the logical type that they hold. Any other logical type is its primitive. */
const LOGICAL_TYPES: Readonly<Record<string, string>> = {
  'bytes decimal': 'Decimal',
  'fixed decimal': 'Decimal',
  'int date': 'EpochDays',
  'int time-millis': 'TimeMillis',
  'long time-micros': 'TimeMicros',
  'long timestamp-millis': 'TimestampMillis',
  'long timestamp-micros': 'TimestampMicros',
  'long timestamp-nanos': 'TimestampNanos',
  'long local-timestamp-millis': 'LocalTimestampMillis',
  'long local-timestamp-micros': 'LocalTimestampMicros',
  'long local-timestamp-nanos': 'LocalTimestampNanos',
};

/** @throws TypeError for a schema that is none of Avro's, and for a name that nothing before it has */
export function typeText(schema: AvroSchema, scope: TypeScope): string {
  if (typeof schema === 'string')
    return (
      PRIMITIVE_TYPES[schema] ?? scope.refer(fullNameOf(schema, scope.namespace))?.text ?? unsupported(schema)
    );
  if (isUnion(schema)) return unionText(schema, scope);
  if ('items' in schema) return `readonly ${grouped(typeText(schema.items, scope))}[]`;
  if ('values' in schema) return `Readonly<Record<string, ${typeText(schema.values, scope)}>>`;
  if ('fields' in schema || 'symbols' in schema) return scope.declare(schema, fullNameOfType(schema, scope));
  const logical = 'logicalType' in schema ? LOGICAL_TYPES[`${schema.type} ${schema.logicalType}`] : undefined;
  if (schema.type === 'fixed') {
    const text = logical === undefined ? 'Buffer' : scope.use(logical);
    scope.note(fullNameOfType(schema, scope), { text, type: 'fixed' });
    return text;
  }
  return logical === undefined ? typeText(schema.type, scope) : scope.use(logical);
}

/** The name that a type is referred to by. */
export function fullNameOfType(
  { name, namespace }: NamedSchema,
  scope: Pick<TypeScope, 'namespace'>,
): string {
  return fullNameOf(name, namespace ?? scope.namespace);
}

/** `null` last, as it reads in TypeScript. */
function unionText(branches: readonly AvroSchema[], scope: TypeScope): string {
  const values = branches.filter((branch) => branch !== 'null');
  const wrapped = isAmbiguous(values, scope);
  const texts = values.map((branch) => {
    const text = typeText(branch, scope);
    return wrapped ? `{ readonly ${JSON.stringify(branchName(branch, scope))}: ${text} }` : text;
  });
  return [...new Set(texts), ...(branches.includes('null') ? ['null'] : [])].join(' | ');
}

/**
 * Whether values do not show which branch they belong to: then avsc puts each in an object under its branch's name. A
 * decimal is known by its shape, a long by being a bigint.
 */
function isAmbiguous(branches: readonly AvroSchema[], scope: TypeScope): boolean {
  const buckets = branches.flatMap((branch) => bucketOf(branch, scope) ?? []);
  return new Set(buckets).size < buckets.length;
}

function bucketOf(branch: AvroSchema, scope: TypeScope): string | null {
  if (typeof branch === 'object' && 'logicalType' in branch && branch.logicalType === 'decimal') return null;
  const type = isUnion(branch)
    ? 'union'
    : typeof branch === 'string'
      ? typeNamed(branch, scope)
      : branch.type;
  if (type === 'int' || type === 'float' || type === 'double') return 'number';
  if (type === 'bytes' || type === 'fixed') return 'buffer';
  if (type === 'string' || type === 'enum') return 'string';
  return type === 'map' || type === 'record' ? 'object' : type;
}

const typeNamed = (name: string, scope: TypeScope): string =>
  scope.refer(fullNameOf(name, scope.namespace))?.type ?? name;

function branchName(branch: AvroSchema, scope: TypeScope): string {
  if (typeof branch === 'string')
    return PRIMITIVES.has(branch) ? branch : fullNameOf(branch, scope.namespace);
  if (isUnion(branch)) return unsupported(JSON.stringify(branch));
  return 'name' in branch ? fullNameOfType(branch, scope) : branch.type;
}

const grouped = (text: string): string => (/^[\w.]+$/.test(text) ? text : `(${text})`);

function unsupported(schema: string): never {
  throw new TypeError(`no TypeScript type for the Avro schema ${schema}`);
}
