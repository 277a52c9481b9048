import type { AvroEnum, AvroField, AvroKey, AvroRecord } from './avro-schema.ts';
import { withFullNames } from './full-names.ts';
import { keyNames, withoutKeyName } from './key-names.ts';
import { type KnownType, type TypeScope, fullNameOfType, typeText } from './type-text.ts';

/** An `.avsc` file: its name without the ending becomes the names of the generated type and constant. */
export interface SchemaFile {
  readonly name: string;
  readonly schema: AvroRecord | AvroKey;
}

/** Where the types that fields may have come from. */
const DECIMAL = '../decimal.ts';
const KEY = '../key.ts';
const SCHEMA = '../schema.ts';
const TIMES = '../time-units.ts';

/**
 * The source text of a module with an interface and a typed schema for each file, and a type for each record and enum
 * inside, in the order of the files and of first sight. A `long` is a bigint, a `decimal` an exact Decimal, a date or
 * a time a number or bigint that knows its unit, a nullable union `| null`, a fixed a Buffer. A key (a file `*-key`)
 * knows what it identifies.
 * @throws TypeError for what has no type, for two types of one name, and for a key of nothing
 */
export function generateTypes(files: readonly SchemaFile[], heading: string): string {
  const declarations = new Declarations();
  const keys = keyNames(files);
  const parts = files.map(({ name, schema }) => {
    const texts = declarations.ofFile(pascalCase(name), schema, keys.get(name));
    const avro = JSON.stringify(withFullNames(withoutKeyName(schema)));
    const constant = `export const ${camelCase(name)}Schema: Schema<${pascalCase(name)}> = { avro: ${avro} };\n`;
    return [...texts, constant].join('\n');
  });
  return `${heading}${declarations.imports()}\n${parts.join('\n')}`;
}

/** The types of one module. Records and enums inside a file are named after their Avro names. */
class Declarations {
  /** Content by name, so that a type that two files define alike is there once. */
  readonly #declared = new Map<string, string>();
  readonly #used = new Set<string>();

  /** The declarations of a file, those that its record needs first. `key` is what it identifies, where it is one. */
  ofFile(typeName: string, schema: AvroRecord | AvroKey, key: string | undefined): string[] {
    const texts: string[] = [];
    const known = new Map<string, KnownType>();
    const scopeIn = (namespace: string | undefined): TypeScope => ({
      namespace,
      note: (fullName, type) => void known.set(fullName, type),
      refer: (fullName) => known.get(fullName),
      use: (name) => {
        this.#used.add(name);
        return name;
      },
      declare: (inner, fullName) => declare(pascalCase(inner.name.split('.').at(-1) ?? ''), inner, fullName),
    });
    const declare = (name: string, type: AvroRecord | AvroEnum, fullName: string, base = ''): string => {
      known.set(fullName, { text: name, type: type.type });
      const isNew = this.#claim(name, [type, base]);
      const scope = scopeIn(fullName.split('.').slice(0, -1).join('.') || undefined);
      const text = 'symbols' in type ? enumText(name, type) : recordText(name, type, scope, base);
      if (isNew) texts.push(text);
      return name;
    };
    if (key !== undefined) this.#used.add('Key');
    if (!('fields' in schema))
      return [`export type ${typeName} = Key<'${key}', ${typeText(schema, scopeIn(undefined))}>;\n`];
    const base = key === undefined ? '' : ` extends Key<'${key}'>`;
    declare(typeName, schema, fullNameOfType(schema, { namespace: undefined }), base);
    return texts;
  }

  imports(): string {
    const times = [...this.#used].filter((name) => name !== 'Decimal' && name !== 'Key').toSorted();
    return [
      ...(this.#used.has('Decimal') ? [`import type { Decimal } from '${DECIMAL}';\n`] : []),
      ...(this.#used.has('Key') ? [`import type { Key } from '${KEY}';\n`] : []),
      `import type { Schema } from '${SCHEMA}';\n`,
      ...(times.length === 0 ? [] : [`import type { ${times.join(', ')} } from '${TIMES}';\n`]),
    ].join('');
  }

  #claim(name: string, definition: readonly unknown[]): boolean {
    const content = JSON.stringify(definition);
    const taken = this.#declared.get(name);
    if (taken !== undefined && taken !== content)
      throw new TypeError(
        `two unlike types would be called ${name}: rename one of them, a file or a type inside one`,
      );
    this.#declared.set(name, content);
    return taken === undefined;
  }
}

function recordText(name: string, { doc, fields }: AvroRecord, scope: TypeScope, base: string): string {
  const body = fields.map((field) => fieldText(field, scope)).join('\n');
  return `${docText(doc, '')}export interface ${name}${base} {\n${body}\n}\n`;
}

function enumText(name: string, { doc, symbols }: AvroEnum): string {
  return `${docText(doc, '')}export type ${name} = ${symbols.map((symbol) => `'${symbol}'`).join(' | ')};\n`;
}

function fieldText(field: AvroField, scope: TypeScope): string {
  return `${docText(field.doc, '  ')}  readonly ${field.name}: ${typeText(field.type, scope)};`;
}

function docText(doc: string | undefined, indent: string): string {
  return doc === undefined ? '' : `${indent}/** ${doc} */\n`;
}

function pascalCase(name: string): string {
  return name.replaceAll(/(^|[-_])([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
}

function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
