import { describe } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { unwrittenFields } from '../../../schemas/unwritten-fields.ts';

/** To be called when a topic's records come with a schema that is new to a reader. */
export type UnwrittenFieldLog = () => Promise<void>;

/**
 * Warns, once per field, of what a pipeline reads of a topic and the topic's newest schema does not have: results would
 * go on with the field's default, and nothing else would tell.
 */
export function unwrittenFieldLog(
  topic: string,
  reader: AvroSchema,
  registry: SchemaRegistry,
  log: Log,
): UnwrittenFieldLog {
  const told = new Set<string>();
  return async () => {
    // To process its records no more is needed than their own schemas.
    const newest = await registry.latest(`${topic}-value`).catch((error: unknown) => {
      log.warn(
        { topic, reason: describe(error) },
        'whether all is written that the pipeline reads is not known',
      );
      return null;
    });
    if (newest === null) return;
    const fields = unwrittenFields(reader, newest.schema).filter((field) => !told.has(field));
    if (fields.length === 0) return;
    for (const field of fields) told.add(field);
    log.warn(
      { topic, fields, schemaId: newest.id },
      'the newest schema of the topic does not have these fields, which the pipeline reads: they are their defaults from now on' +
        '\n  fix: where a column was renamed, name it among the "aliases" of the field in the .avsc file',
    );
  };
}
