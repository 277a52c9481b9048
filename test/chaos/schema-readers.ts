import type { AvroSchema } from '../../schemas/avro-schema.ts';
import { type RecordReader, recordReader } from './avro-text.ts';

/** Decoders by schema id. Each schema is asked of the registry by plain HTTP, once. */
export function schemaReaders(registryUrl: string): (schemaId: number) => Promise<RecordReader> {
  const readers = new Map<number, Promise<RecordReader>>();
  const ask = async (schemaId: number): Promise<RecordReader> => {
    const response = await fetch(`${registryUrl}/schemas/ids/${schemaId}`);
    if (!response.ok) throw new Error(`the registry has no schema ${schemaId}: ${response.status}`);
    const { schema } = (await response.json()) as { readonly schema: string };
    return recordReader(JSON.parse(schema) as AvroSchema);
  };
  return (schemaId) => {
    const known = readers.get(schemaId) ?? ask(schemaId);
    readers.set(schemaId, known);
    return known;
  };
}
