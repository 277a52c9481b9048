import type { Type } from 'avsc';
import { type AvroField, type AvroSchema, isUnion, withoutNull } from '../../schemas/avro-schema.ts';
import { compileType } from '../../schemas/serde/avro-type.ts';
import { FRAME_BYTES } from '../../schemas/serde/wire-format.ts';
import { endOfVarint, readVarint } from './avro-varint.ts';

/** Where the fields of many records lie. */
export class Places {
  values: Int32Array;
  length = 0;

  constructor(expected: number) {
    this.values = new Int32Array(expected);
  }

  reserve(more: number): void {
    if (this.length + more <= this.values.length) return;
    const larger = new Int32Array(Math.max(this.length + more, this.values.length * 2));
    larger.set(this.values);
    this.values = larger;
  }
}

/** The place of a field that is null. */
export const NULL_PLACE = -1;

type Kind = 'varint' | 'fixed' | 'prefixed' | 'null' | 'array' | 'other';

interface ScannedField {
  readonly name: string;
  /** Without null, where null is one of two. */
  readonly schema: AvroSchema;
  readonly kind: Kind;
  /** Of a fixed. */
  readonly size: number;
  /** Branch of null in a union of two, else -1. */
  readonly nullBranch: number;
  readonly type: Type;
}

/** Finds the fields of records of one schema within their bytes, without decoding them. */
export class AvroScan {
  readonly fields: readonly ScannedField[];
  readonly #isNumber: boolean;
  readonly #indexes: ReadonlyMap<string, number>;

  /** @param fields of the record; one alone for a schema that is no record */
  constructor(fields: readonly AvroField[], compiled: readonly Type[]) {
    this.fields = fields.map((field, i) => scannedField(field, compiled[i] as Type));
    this.#isNumber = this.fields.length === 1 && this.fields[0]?.kind === 'varint';
    this.#indexes = new Map(fields.map(({ name }, i) => [name, i]));
  }

  /** -1 where there is no such field. */
  indexOf(name: string): number {
    return this.#indexes.get(name) ?? -1;
  }

  /** The value of a record that is nothing but one number that a double holds. */
  numberAt(bytes: Buffer, places: Places, first: number): number | undefined {
    if (!this.#isNumber) return undefined;
    const value = readVarint(bytes, places.values[first] as number);
    return Number.isNaN(value) ? undefined : value;
  }

  /** The value of the field at `index` that lies at `at`. */
  decode(index: number, bytes: Buffer, at: number): unknown {
    return (this.fields[index] as ScannedField).type.decode(bytes, at).value;
  }

  /**
   * Adds the places of a framed record's fields. Returns the index of the first one, or -1 for bytes that are not what the schema
   * says: who decodes them says how.
   */
  add(bytes: Buffer, places: Places): number {
    const first = places.length;
    places.reserve(this.fields.length);
    const { values } = places;
    let at = FRAME_BYTES;
    for (let i = 0; i < this.fields.length; i++) {
      const field = this.fields[i] as ScannedField;
      if (field.nullBranch >= 0) {
        const branch = bytes[at++] as number;
        if (branch === field.nullBranch * 2) {
          values[first + i] = NULL_PLACE;
          continue;
        }
        // zigzag of the other one of 0 and 1
        if (branch !== 2 - field.nullBranch * 2) return -1;
      }
      values[first + i] = field.kind === 'null' ? NULL_PLACE : at;
      at = endOf(field, bytes, at);
      if (at < 0 || at > bytes.length) return -1;
    }
    if (at !== bytes.length) return -1;
    places.length = first + this.fields.length;
    return first;
  }
}

/** The scan of a schema, or null where it names a type that is defined elsewhere. */
export function avroScan(schema: AvroSchema, loneName: string): AvroScan {
  const compiled = compileType(schema);
  const bare = withoutNull(schema);
  if (typeof bare === 'object' && 'fields' in bare && bare === schema) {
    const { fields } = compiled as unknown as { readonly fields: readonly { readonly type: Type }[] };
    return new AvroScan(
      bare.fields,
      fields.map(({ type }) => type),
    );
  }
  return new AvroScan([{ name: loneName, type: schema }], [compiled]);
}

/** -1 for bytes that are no such value. */
function endOf(field: ScannedField, bytes: Buffer, at: number): number {
  switch (field.kind) {
    case 'varint':
      return endOfVarint(bytes, at);
    case 'fixed':
      return at + field.size;
    case 'prefixed': {
      const length = readVarint(bytes, at);
      const start = endOfVarint(bytes, at);
      return length >= 0 && start > 0 ? start + length : -1;
    }
    case 'null':
      return at;
    case 'array':
      return bytes[at] === 0 ? at + 1 : endOfOther(field.type, bytes, at);
    case 'other':
      return endOfOther(field.type, bytes, at);
  }
}

function endOfOther(type: Type, bytes: Buffer, at: number): number {
  try {
    return type.decode(bytes, at).offset;
  } catch {
    return -1;
  }
}

const PRIMITIVES: Readonly<Record<string, readonly [Kind, size: number]>> = {
  null: ['null', 0],
  int: ['varint', 0],
  long: ['varint', 0],
  float: ['fixed', 4],
  double: ['fixed', 8],
  bytes: ['prefixed', 0],
  string: ['prefixed', 0],
};

function scannedField({ name, type: schema }: AvroField, type: Type): ScannedField {
  const branches = isUnion(schema) && schema.length === 2 ? schema.indexOf('null') : -1;
  const bare = branches < 0 ? schema : withoutNull(schema);
  const [kind, size] = kindOf(bare);
  return { name, schema: bare, kind, size, nullBranch: branches, type: branches < 0 ? type : ownType(type) };
}

/** Of the other branch: by itself it may name types that only the whole schema defines. */
function ownType(union: Type): Type {
  const { types } = union as unknown as { readonly types: readonly Type[] };
  return types.find(({ typeName }) => typeName !== 'null') ?? union;
}

function kindOf(schema: AvroSchema): readonly [Kind, size: number] {
  if (typeof schema === 'string') return PRIMITIVES[schema] ?? ['other', 0];
  if (isUnion(schema)) return ['other', 0];
  const { type } = schema as { readonly type: string };
  if (type === 'fixed') return ['fixed', (schema as { readonly size: number }).size];
  if (type === 'array') return ['array', 0];
  return PRIMITIVES[type] ?? ['other', 0];
}
