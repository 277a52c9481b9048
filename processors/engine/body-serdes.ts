import type { AvroSchema } from '../../schemas/avro-schema.ts';
import { AvroSerde } from '../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../schemas/serde/schema-registry.ts';
import type { BodySerde } from './state/table-state.ts';

/** Serdes for what never leaves the application: stores, changelogs, repartition topics. One per schema. */
export type BodySerdes = (schema: AvroSchema) => BodySerde;

export function bodySerdes(registry: SchemaRegistry): BodySerdes {
  const known = new Map<string, BodySerde>();
  return (schema) => {
    const text = JSON.stringify(schema);
    const serde = known.get(text) ?? AvroSerde.reader<unknown>(registry, schema);
    known.set(text, serde);
    return serde;
  };
}

/**
 * The two values of a table's change on a repartition topic, old first. An array, because a record schema cannot
 * name the same record type twice without references.
 */
export function changeSchema(value: AvroSchema): AvroSchema {
  return { type: 'array', items: nullableSchema(value) };
}

/** The same values, or null. */
export function nullableSchema(value: AvroSchema): AvroSchema {
  const branches = Array.isArray(value) ? (value as readonly AvroSchema[]) : [value];
  return ['null', ...branches.filter((branch) => branch !== 'null')];
}
