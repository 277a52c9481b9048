import { readFileSync, readdirSync } from 'node:fs';
import { type SchemaFile, generateTypes } from './codegen.ts';

const FOLDER = new URL('superstore/', import.meta.url);
const TARGET = new URL('superstore/generated.ts', import.meta.url);

const HEADING = `// Generated from the .avsc files in this folder by \`npm run schemas:types\`. Do not edit.
`;

/** Reads the `.avsc` files beside the generated module, in name order. */
export function readSchemaFiles(folder: URL): readonly SchemaFile[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.avsc'));
  return names.toSorted().map((name) => ({
    name: name.slice(0, -'.avsc'.length),
    schema: JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as SchemaFile['schema'],
  }));
}

/** What the generated module should hold now; a test compares it with what it does hold. */
export function expectedModule(): { readonly target: URL; readonly text: string } {
  return { target: TARGET, text: generateTypes(readSchemaFiles(FOLDER), HEADING) };
}
