import { type AvroField, type AvroSchema, isUnion } from '../../../schemas/avro-schema.ts';

/**
 * A place in Avro bytes that moves on, never backwards: its readers throw RangeError where the bytes end, or say that
 * there is more than can be.
 * https://avro.apache.org/docs/1.11.1/specification/#binary-encoding
 */
export class AvroPlace {
  buffer: Buffer = Buffer.alloc(0);
  at = 0;

  /** A long within the safe integers. */
  long(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.buffer.readUInt8(this.at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  bigLong(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.buffer.readUInt8(this.at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return (value >> 1n) ^ -(value & 1n);
    }
  }

  text(): string {
    const start = this.skipBytes();
    return this.buffer.toString('utf8', start, this.at);
  }

  skipVarint(): void {
    while ((this.buffer.readUInt8(this.at++) & 0x80) !== 0);
  }

  /** Gives the place where the bytes begin. */
  skipBytes(): number {
    const length = this.long();
    const start = this.at;
    this.skip(length);
    return start;
  }

  skip(length: number): void {
    if (!(length >= 0 && length <= this.buffer.length - this.at))
      throw new RangeError(`${length} bytes at byte ${this.at} of ${this.buffer.length}`);
    this.at += length;
  }

  /** Members of an array or a map, block by block. */
  skipBlocks(member: AvroSkip): void {
    for (let count = this.long(); count !== 0; count = this.long()) {
      if (count < 0) this.skipBytes();
      else if (count > this.buffer.length - this.at)
        throw new RangeError(`${count} members in ${this.buffer.length - this.at} bytes`);
      else for (let i = 0; i < count; i++) member(this);
    }
  }
}

/** Moves a place behind one value. */
export type AvroSkip = (place: AvroPlace) => void;

/** Records by full name: a schema may name again what it has defined before. */
export type AvroNames = Map<string, AvroSkip>;

/** A record as registries have it; the types of its fields may be names. */
interface NamedRecord {
  readonly name: string;
  readonly namespace?: string;
  readonly fields: readonly AvroField[];
}

const SKIPS: Readonly<Record<string, AvroSkip>> = {
  null: () => undefined,
  boolean: (place) => place.skip(1),
  int: (place) => place.skipVarint(),
  long: (place) => place.skipVarint(),
  float: (place) => place.skip(4),
  double: (place) => place.skip(8),
  bytes: (place) => void place.skipBytes(),
  string: (place) => void place.skipBytes(),
};

/** @throws RangeError for a type that Millrace does not write */
export function avroSkip(schema: AvroSchema, names: AvroNames): AvroSkip {
  if (isUnion(schema)) {
    const branches = schema.map((branch) => avroSkip(branch, names));
    return (place) => {
      const branch = branches[place.long()];
      if (branch === undefined) throw new RangeError('a branch that the union does not have');
      branch(place);
    };
  }
  if (typeof schema === 'string') {
    const named = SKIPS[schema] ?? names.get(schema);
    if (named === undefined) throw new RangeError(`"${String(schema)}" is no Avro type that is known here`);
    return named;
  }
  if ('fields' in schema) return recordSkip(schema, names);
  if ('items' in schema) {
    const item = avroSkip(schema.items, names);
    return (place) => place.skipBlocks(item);
  }
  if ('values' in schema) {
    const value = avroSkip(schema.values, names);
    return (place) => place.skipBlocks((at) => (at.skipBytes(), value(at)));
  }
  if ('symbols' in schema) return (place) => place.skipVarint();
  if (schema.type === 'fixed') {
    const { size } = schema;
    return (place) => place.skip(size);
  }
  return avroSkip(schema.type, names);
}

function recordSkip(schema: NamedRecord, names: AvroNames): AvroSkip {
  const fields = schema.fields.map(({ type }) => avroSkip(type, names));
  const skip: AvroSkip = (place) => {
    for (const field of fields) field(place);
  };
  names.set(schema.namespace === undefined ? schema.name : `${schema.namespace}.${schema.name}`, skip);
  return skip;
}
