import { readFileSync } from 'node:fs';
import { Failure } from '../../infra/process/failure.ts';
import type { AvroKey, AvroRecord, AvroSchema } from '../avro-schema.ts';
import { withFullNames } from '../full-names.ts';
import { withoutKeyName } from '../key-names.ts';
import type { Schema } from '../schema.ts';
import { compileType } from '../serde/avro-type.ts';
import * as generated from '../superstore/generated.ts';
import { type Topic, topicName } from '../topic.ts';
import { sourceTopics, topics } from '../topics.ts';
import { jsonLines } from './json-lines.ts';

/** Where the `.avsc` files are, seen from the root of the repository. */
export const SCHEMA_FOLDER = 'schemas/superstore';

/** The root of the repository. */
export const ROOT = new URL('../../', import.meta.url);

/** The schema of a file, as it is registered, and where its parts stand in the file. */
interface ContractFile {
  /** From the root of the repository. */
  readonly file: string;
  readonly schema: AvroSchema;
  readonly lines: ReadonlyMap<string, number>;
}

/** What a file promises about a subject of the registry (TopicNameStrategy). */
export interface Contract extends ContractFile {
  readonly subject: string;
  readonly part: 'key' | 'value';
  /** Who registers it: `pipeline`, from this file, or `source`, of whose rows the file says what is read. */
  readonly writer: 'pipeline' | 'source';
}

/**
 * The contracts of every topic of the catalogue, read from the files as they are now.
 * @throws Failure `schema.invalid` for a file that is no Avro schema
 */
export function contracts(topicPrefix: string): readonly Contract[] {
  const all = Object.values(topics).flatMap((topic) =>
    (['key', 'value'] as const).flatMap((part) => contractOf(topic, part, topicPrefix)),
  );
  return [...new Map(all.map((one) => [`${one.subject} ${one.file}`, one])).values()];
}

function contractOf(topic: Topic<unknown, unknown>, part: 'key' | 'value', prefix: string): Contract[] {
  const file = fileOf(topic[part], part);
  if (file === undefined) return [];
  const writer = sourceTopics.includes(topic) ? 'source' : 'pipeline';
  return [{ subject: `${topicName(prefix, topic)}-${part}`, part, writer, ...readContract(file) }];
}

/** The file that the schema of a topic was generated from. */
function fileOf(schema: AvroSchema, part: 'key' | 'value'): string | undefined {
  const constants = Object.entries<Schema<unknown>>(generated);
  const files = constants
    .filter(([, constant]) => constant.avro === schema)
    .map(([name]) => name.replace(/Schema$/, '').replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`))
    .filter((name) => name.endsWith('-key') === (part === 'key'));
  return files[0] === undefined ? undefined : `${SCHEMA_FOLDER}/${files[0]}.avsc`;
}

function readContract(file: string): ContractFile {
  const text = readFileSync(new URL(file, ROOT), 'utf8');
  return { file, schema: contractSchema(text, file), lines: jsonLines(text) };
}

/** The schema that is registered for the text of an `.avsc` file. @throws Failure `schema.invalid` */
export function contractSchema(text: string, file: string): AvroSchema {
  try {
    const schema = withFullNames(withoutKeyName(JSON.parse(text) as AvroRecord | AvroKey));
    compileType(schema);
    return schema;
  } catch (error) {
    throw new Failure('schema.invalid', 'stop', `${file} is not an Avro schema`, { cause: error });
  }
}
