import type { AvroSchema } from '../../../schemas/avro-schema.ts';

/** Attributes that decide neither the bytes of a value nor what they mean. */
const SILENT: ReadonlySet<string> = new Set([
  'doc',
  'name',
  'namespace',
  'aliases',
  'default',
  'order',
  'precision',
]);

/** Those that a field needs to be told from its neighbours, and an enum or a fixed to be a type at all. */
const isField = (entry: Readonly<Record<string, unknown>>): boolean =>
  'name' in entry && !('fields' in entry);

/**
 * What two schemas must have in common so that bytes of the one mean the same in the other: types and names of fields,
 * in order. A record's own name, docs, defaults and annotations for other readers may differ. Bytes in stores and on
 * internal topics carry no schema, so nothing else tells them apart.
 */
export function storedShape(schema: AvroSchema): string {
  return JSON.stringify(shapeOf(schema));
}

function shapeOf(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(shapeOf);
  if (typeof part !== 'object' || part === null) return part;
  const entry = part as Readonly<Record<string, unknown>>;
  const kept = Object.entries(entry)
    .filter(([key]) => (key === 'name' ? isField(entry) : !SILENT.has(key) && !key.includes('.')))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  // `{"type": "string"}` and `"string"` are one schema.
  const [only] = kept;
  if (kept.length === 1 && only?.[0] === 'type') return shapeOf(only[1]);
  return Object.fromEntries(kept.map(([key, value]) => [key, shapeOf(value)]));
}
