import type { AvroKey, AvroRecord, AvroSchema } from './avro-schema.ts';
import { fullNameOf } from './full-names.ts';

interface NamedFile {
  readonly name: string;
  readonly schema: AvroRecord | AvroKey;
}

/** What the name of a file with the schema of a key ends with. */
const KEY_FILE = /-key$/;

/**
 * What the keys of each file identify, by the name of the file: the full name of their record, or what `millrace.key`
 * says. A file that holds no key is not in it.
 * @throws TypeError for a `millrace.key` that is no key of its own, and for a primitive without one
 */
export function keyNames(files: readonly NamedFile[]): ReadonlyMap<string, string> {
  const own = new Set(files.flatMap((file) => (isOwnKey(file) ? fullName(file.schema) : [])));
  const names = files.filter(isKey).map(({ name, schema }) => [name, keyName(name, schema, own)] as const);
  return new Map(names);
}

/** The schema as it is registered: whose key it is decides nothing about its bytes. */
export function withoutKeyName(schema: AvroRecord | AvroKey): AvroSchema {
  const { 'millrace.key': _, ...rest } = schema;
  return Object.keys(rest).length === 1 && !('fields' in rest) ? rest.type : rest;
}

function keyName(file: string, schema: AvroRecord | AvroKey, own: ReadonlySet<string>): string {
  const declared = schema['millrace.key'];
  if (!('fields' in schema)) return declared ?? nameless(file);
  if (declared === undefined) return fullName(schema);
  if (own.has(declared)) return declared;
  throw new TypeError(
    `${file}.avsc has the keys of ${declared} by millrace.key, and no *-key.avsc has a record of that full name and no` +
      ` millrace.key itself: ${own.size === 0 ? 'there is none' : `there are ${[...own].join(', ')}`}`,
  );
}

const isKey = ({ name, schema }: NamedFile): boolean =>
  KEY_FILE.test(name) || schema['millrace.key'] !== undefined || !('fields' in schema);

function isOwnKey(file: NamedFile): file is NamedFile & { readonly schema: AvroRecord } {
  return isKey(file) && 'fields' in file.schema && file.schema['millrace.key'] === undefined;
}

const fullName = ({ name, namespace }: AvroRecord): string => fullNameOf(name, namespace);

function nameless(file: string): never {
  throw new TypeError(
    `${file}.avsc is no record and so has no name: say what its keys identify with "millrace.key"`,
  );
}
