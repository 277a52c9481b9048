import type { AvroSchema } from '../avro-schema.ts';
import { type SchemaNode, nodeText, schemaNode } from './schema-node.ts';

/**
 * The registries' words (Avro's SchemaCompatibility), and `LOGICAL_TYPE_MISMATCH`, which they let pass: the bytes fit,
 * the values do not mean the same.
 */
export type IncompatibilityType =
  | 'FIXED_SIZE_MISMATCH'
  | 'LOGICAL_TYPE_MISMATCH'
  | 'MISSING_ENUM_SYMBOLS'
  | 'MISSING_UNION_BRANCH'
  | 'NAME_MISMATCH'
  | 'READER_FIELD_MISSING_DEFAULT_VALUE'
  | 'TYPE_MISMATCH';

/** Why what was written with one schema cannot be read with another. */
export interface Incompatibility {
  readonly type: IncompatibilityType;
  /** JSON pointers of the place in both schemas. */
  readonly readerPath: string;
  readonly writerPath: string;
  /** The field, by the names of the fields that lead to it; empty for the whole schema. */
  readonly field: string;
  /** What each side has there. */
  readonly reader: string;
  readonly writer: string;
}

/** What a type may be read as beside itself: https://avro.apache.org/docs/1.11.1/specification/#schema-resolution */
const PROMOTIONS: Readonly<Record<string, readonly string[]>> = {
  long: ['int'],
  float: ['int', 'long'],
  double: ['int', 'long', 'float'],
  string: ['bytes'],
  bytes: ['string'],
};

/** A value of a type without one of these is of another meaning; a uuid is the same text with and without its name. */
const MEANINGS = /^(decimal|duration|date|time-.*|timestamp-.*|local-timestamp-.*)$/;

type Place = readonly [reader: SchemaNode, writer: SchemaNode, field: string];

/**
 * All that keeps `reader` from reading what `writer` wrote; empty when it can. Names are compared in full, since readers
 * in TypeScript do (the Java library compares what is behind the last dot).
 */
export function incompatibilities(reader: AvroSchema, writer: AvroSchema): readonly Incompatibility[] {
  const found = new Checker().check(schemaNode(reader), schemaNode(writer), '');
  const places = found.map((one) => [`${one.type} ${one.readerPath} ${one.writerPath}`, one] as const);
  return [...new Map(places).values()];
}

class Checker {
  /** Of each pair; empty while it is being looked at, where a type holds itself. */
  readonly #known = new Map<SchemaNode, Map<SchemaNode, readonly Incompatibility[]>>();

  check(...place: Place): readonly Incompatibility[] {
    const [reader, writer] = place;
    const ofReader = this.#known.get(reader) ?? new Map<SchemaNode, readonly Incompatibility[]>();
    this.#known.set(reader, ofReader);
    const known = ofReader.get(writer);
    if (known !== undefined) return known;
    ofReader.set(writer, []);
    const found = this.#compared(...place);
    ofReader.set(writer, found);
    return found;
  }

  #compared(...place: Place): readonly Incompatibility[] {
    const [reader, writer, field] = place;
    if (writer.type === 'union') return writer.inner.flatMap((branch) => this.check(reader, branch, field));
    if (reader.type === 'union') return this.#asBranch(...place);
    if (meaning(reader) !== meaning(writer)) return [issue('LOGICAL_TYPE_MISMATCH', place)];
    if (reader.type !== writer.type)
      return PROMOTIONS[reader.type]?.includes(writer.type) === true ? [] : [issue('TYPE_MISMATCH', place)];
    if (reader.name !== writer.name && !reader.aliases.includes(writer.name))
      return [issue('NAME_MISMATCH', place)];
    return this.#inside(...place);
  }

  #inside(...place: Place): readonly Incompatibility[] {
    const [reader, writer, field] = place;
    switch (reader.type) {
      case 'record':
        return this.#fields(...place);
      case 'enum':
        return missingSymbols(place);
      case 'fixed':
        return reader.size === writer.size
          ? []
          : [issue('FIXED_SIZE_MISMATCH', place, [`${reader.size} bytes`, `${writer.size} bytes`])];
      default:
        return reader.inner.flatMap((node, i) => {
          const written = writer.inner[i];
          return written === undefined ? [] : this.check(node, written, `${field}[]`);
        });
    }
  }

  /** The branches that are of the writer's type say what is wrong; without one the branch is missing. */
  #asBranch(...place: Place): readonly Incompatibility[] {
    const [reader, writer, field] = place;
    const tried = reader.inner.map((branch) => ({ branch, found: this.check(branch, writer, field) }));
    if (tried.some(({ found }) => found.length === 0)) return [];
    const alike = tried.find(({ branch }) => branch.type === writer.type && branch.name === writer.name);
    return alike?.found ?? [issue('MISSING_UNION_BRANCH', place)];
  }

  #fields(reader: SchemaNode, writer: SchemaNode, outer: string): readonly Incompatibility[] {
    const written = new Map(writer.fields.map((field) => [field.name, field]));
    return reader.fields.flatMap((field) => {
      const path = outer === '' ? field.name : `${outer}.${field.name}`;
      const names = new Set([field.name, ...field.aliases]);
      const [source, other] = [...names].flatMap((name) => written.get(name) ?? []);
      const place: Place = [
        { ...field.node, path: field.path },
        { ...writer, path: `${writer.path}/fields` },
        path,
      ];
      if (other !== undefined)
        return [issue('NAME_MISMATCH', place, [[...names].join(', '), 'more than one of them'])];
      if (source !== undefined) return this.check(field.node, source.node, path);
      if (field.default !== undefined) return [];
      const sides = [`${nodeText(field.node)} without a default`, 'no such field'] as const;
      return [issue('READER_FIELD_MISSING_DEFAULT_VALUE', place, sides)];
    });
  }
}

function missingSymbols(place: Place): readonly Incompatibility[] {
  const [reader, writer] = place;
  const missing = writer.symbols.filter((symbol) => !reader.symbols.includes(symbol));
  if (missing.length === 0 || reader.default !== undefined) return [];
  return [
    issue('MISSING_ENUM_SYMBOLS', place, [`no ${missing.join(', ')} and no default`, missing.join(', ')]),
  ];
}

function meaning(node: SchemaNode): string {
  if (node.logicalType === undefined || !MEANINGS.test(node.logicalType)) return '';
  return node.logicalType === 'decimal' ? `decimal ${node.scale}` : node.logicalType;
}

function issue(
  type: IncompatibilityType,
  [reader, writer, field]: Place,
  sides: readonly [reader: string, writer: string] = [nodeText(reader), nodeText(writer)],
): Incompatibility {
  const [readerText, writerText] = sides;
  return {
    type,
    readerPath: reader.path,
    writerPath: writer.path,
    field,
    reader: readerText,
    writer: writerText,
  };
}
