import type { AvroSchema } from '../avro-schema.ts';
import { type Incompatibility, type IncompatibilityType, incompatibilities } from './compatibility.ts';
import { type SchemaNode, schemaNode } from './schema-node.ts';

/** The registries' levels. BACKWARD: the new schema reads what was written; FORWARD: readers of before read the new. */
export const COMPATIBILITY_LEVELS = [
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
  'NONE',
] as const;

export type CompatibilityLevel = (typeof COMPATIBILITY_LEVELS)[number];

/**
 * Of the topics that pipelines write: they are read from their first record on, by readers and writers of every age.
 */
export const DEFAULT_LEVEL: CompatibilityLevel = 'FULL_TRANSITIVE';

/** A schema from before, and what it is called: `version 3`, `main`. */
export interface EarlierSchema {
  readonly label: string;
  readonly schema: AvroSchema;
}

/** One thing that a new schema breaks. */
export interface Break {
  readonly type: IncompatibilityType | 'KEY_BYTES_CHANGED';
  readonly direction: 'BACKWARD' | 'FORWARD';
  /** Label of the schema that it does not go together with. */
  readonly against: string;
  /** JSON pointer of the place in the new schema. */
  readonly path: string;
  readonly field: string;
  readonly message: string;
  /** In the imperative. */
  readonly fix: string;
}

/** All that `schema` breaks after the `earlier` ones, oldest first: after the last alone, unless the level is transitive. */
export function breaksOf(
  schema: AvroSchema,
  earlier: readonly EarlierSchema[],
  level: CompatibilityLevel,
): readonly Break[] {
  if (level === 'NONE') return [];
  const checked = level.endsWith('_TRANSITIVE') ? earlier : earlier.slice(-1);
  const isBackward = !level.startsWith('FORWARD');
  const isForward = !level.startsWith('BACKWARD');
  return checked.flatMap((before) => [
    ...(isBackward ? incompatibilities(schema, before.schema).map((one) => backward(one, before.label)) : []),
    ...(isForward ? incompatibilities(before.schema, schema).map((one) => forward(one, before.label)) : []),
  ]);
}

/**
 * The same for the schema of a key, which breaks more: another key of the same thing is another row, in another partition
 * perhaps. So the bytes of a key stay as they are.
 */
export function keyBreaksOf(
  schema: AvroSchema,
  earlier: readonly EarlierSchema[],
  level: CompatibilityLevel,
): readonly Break[] {
  if (level === 'NONE') return [];
  const fix = 'leave the key as it is, or write to a topic with a new name';
  const found = breaksOf(schema, earlier, level).map((one) => ({ ...one, fix }));
  const bytes = bytesText(schemaNode(schema), []);
  const others = earlier.filter((before) => bytesText(schemaNode(before.schema), []) !== bytes);
  return [
    ...found,
    ...others.map(({ label: against }): Break => {
      const message = `the same key has other bytes than under ${against}: rows that are there would be neither replaced nor deleted`;
      return { type: 'KEY_BYTES_CHANGED', direction: 'BACKWARD', against, path: '', field: '', message, fix };
    }),
  ];
}

/** Types whose values are written alike. */
const SAME_BYTES: Readonly<Record<string, string>> = { int: 'long', bytes: 'string' };

/** What of a key decides its bytes. */
function bytesText(node: SchemaNode, outer: readonly SchemaNode[]): string {
  if (outer.includes(node)) return `^${outer.indexOf(node)}`;
  const within = [...outer, node];
  if (node.type === 'record') return `(${node.fields.map((field) => bytesText(field.node, within)).join()})`;
  const inner = node.inner.map((one) => bytesText(one, within)).join();
  const isDecimal = node.logicalType === 'decimal';
  const type = isDecimal ? node.type : (SAME_BYTES[node.type] ?? node.type);
  return [type, isDecimal ? node.scale : '', node.size, node.symbols, inner].join(':');
}

function backward(one: Incompatibility, label: string): Break {
  const { type, readerPath: path, field } = one;
  const message = `${place(field)}: ${label} wrote ${one.writer}, which is not read as ${one.reader}`;
  return { type, direction: 'BACKWARD', against: label, path, field, message, fix: backwardFix(one) };
}

function forward(one: Incompatibility, label: string): Break {
  const { type, writerPath: path, field } = one;
  const message = `${place(field)}: now ${one.writer}, which readers of ${label} do not take: they have ${one.reader}`;
  return { type, direction: 'FORWARD', against: label, path, field, message, fix: forwardFix(one) };
}

const place = (field: string): string => (field === '' ? 'the schema' : `field ${field}`);

const NEW_FIELD =
  'add a field with the new type beside it (nullable, "default": null), and drop the old one later';

function backwardFix({ type, writer }: Incompatibility): string {
  switch (type) {
    case 'READER_FIELD_MISSING_DEFAULT_VALUE':
      return 'give it a default: "type": ["null", ..], "default": null';
    case 'MISSING_ENUM_SYMBOLS':
      return `put ${writer} back, or give the enum a default`;
    case 'MISSING_UNION_BRANCH':
      return `put ${writer} into the union`;
    case 'NAME_MISMATCH':
      return `put the name back, or name it among "aliases": ${writer}`;
    case 'FIXED_SIZE_MISMATCH':
    case 'LOGICAL_TYPE_MISMATCH':
    case 'TYPE_MISMATCH':
      return NEW_FIELD;
  }
}

function forwardFix({ type, field }: Incompatibility): string {
  switch (type) {
    case 'READER_FIELD_MISSING_DEFAULT_VALUE':
      return `keep ${field}: those who read it have no default for it`;
    case 'MISSING_ENUM_SYMBOLS':
      return 'write no new symbols: an enum that shall grow needs a default from its first version on';
    case 'NAME_MISMATCH':
      return 'put the name back: readers of before do not know the new one';
    case 'FIXED_SIZE_MISMATCH':
    case 'LOGICAL_TYPE_MISMATCH':
    case 'MISSING_UNION_BRANCH':
    case 'TYPE_MISMATCH':
      return NEW_FIELD;
  }
}
