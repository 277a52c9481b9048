import { type AvroField, type AvroRecord, type AvroSchema, isUnion } from './avro-schema.ts';

/** An `.avsc` file: its name without the ending becomes the names of the generated type and constant. */
export interface SchemaFile {
  readonly name: string;
  readonly schema: AvroRecord;
}

const LOGICAL_TYPES: Readonly<Record<string, string>> = { decimal: 'Decimal' };

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

/**
 * The source text of a module with an interface and a typed schema for each file. A `long` is a bigint, a `decimal`
 * an exact {@link Decimal}, a nullable union `| null`.
 */
export function generateTypes(files: readonly SchemaFile[], imports: string): string {
  const parts = files.map(({ name, schema }) => {
    const type = pascalCase(name);
    const body = schema.fields.map((field) => fieldText(field)).join('\n');
    return (
      `${docText(schema.doc, '')}export interface ${type} {\n${body}\n}\n\n` +
      `export const ${camelCase(name)}Schema: Schema<${type}> = { avro: ${JSON.stringify(schema)} };\n`
    );
  });
  return `${imports}\n${parts.join('\n')}`;
}

function fieldText(field: AvroField): string {
  return `${docText(field.doc, '  ')}  readonly ${field.name}: ${typeText(field.type)};`;
}

function docText(doc: string | undefined, indent: string): string {
  return doc === undefined ? '' : `${indent}/** ${doc} */\n`;
}

function typeText(schema: AvroSchema): string {
  if (typeof schema === 'string') return PRIMITIVE_TYPES[schema] ?? unsupported(schema);
  if (isUnion(schema)) return unionText(schema);
  if ('logicalType' in schema) return LOGICAL_TYPES[schema.logicalType] ?? typeText(schema.type);
  if ('items' in schema) return `readonly (${typeText(schema.items)})[]`;
  if ('values' in schema) return `Readonly<Record<string, ${typeText(schema.values)}>>`;
  return unsupported(JSON.stringify(schema));
}

/** `null` last, as it reads in TypeScript. */
function unionText(branches: readonly AvroSchema[]): string {
  const texts = branches.map((branch) => typeText(branch)).filter((text) => text !== 'null');
  return [...texts, ...(branches.includes('null') ? ['null'] : [])].join(' | ');
}

function unsupported(schema: string): never {
  throw new TypeError(`no TypeScript type for the Avro schema ${schema}`);
}

function pascalCase(name: string): string {
  return name.replaceAll(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
}

function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
