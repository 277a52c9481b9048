import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import { avroNames } from '../shapes/avro-name.ts';
import { type ColumnCodec, growthInList } from './column-codec.ts';
import { UnquotedText, closingQuote, hasEscapes } from './quoted-text.ts';

const OPEN = 0x28;
const CLOSE = 0x29;
const COMMA = 0x2c;
const QUOTE = 0x22;

/** A field of a composite type, in the order of the type. */
export interface CompositeField {
  readonly name: string;
  readonly codec: ColumnCodec;
}

/** What an Avro record is called. */
export interface RecordName {
  readonly name: string;
  readonly namespace: string;
}

/**
 * A composite value as a record of nullable fields. A value with another number of fields than the type was known to
 * have has no Avro value: Postgres announces no ALTER TYPE in the stream.
 * https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX
 */
export function compositeCodec(record: RecordName, fields: readonly CompositeField[]): ColumnCodec {
  const writer = new CompositeWriter(fields.map((field) => field.codec));
  return {
    avro: recordSchema(record, fields),
    write: (out, at, source, start, end) => writer.write(out, at, source, start, end),
    growth: Math.max(...fields.map((field) => growthInList(field.codec))),
  };
}

function recordSchema(record: RecordName, fields: readonly CompositeField[]): AvroRecord {
  const names = avroNames(
    fields.map((field) => field.name),
    [],
  );
  return {
    type: 'record',
    ...record,
    fields: fields.map(({ name, codec }, i) => ({
      name: names[i] ?? name,
      type: ['null', codec.avro],
      default: null,
      ...(names[i] === name ? {} : { 'pg.name': name }),
    })),
  };
}

class CompositeWriter {
  readonly #codecs: readonly ColumnCodec[];
  readonly #unquoted = new UnquotedText();

  constructor(codecs: readonly ColumnCodec[]) {
    this.#codecs = codecs;
  }

  write(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
    if (source[start] !== OPEN) return -1;
    let offset = at;
    let from = start + 1;
    for (let i = 0; i < this.#codecs.length; i++) {
      const stop = fieldEnd(source, from, end);
      offset = this.#write(out, offset, source, from, stop, this.#codecs[i] as ColumnCodec);
      if (offset < 0) return -1;
      from = stop + 1;
    }
    // One field too few or too many leaves this place behind or before the end.
    return from === end ? offset : -1;
  }

  /** Nothing at all between the commas is null; an empty text has its quotes. */
  #write(out: Buffer, at: number, source: Buffer, start: number, end: number, codec: ColumnCodec): number {
    if (start === end) {
      out[at] = 0;
      return at + 1;
    }
    out[at] = 2;
    if (source[start] !== QUOTE) return codec.write(out, at + 1, source, start, end);
    if (!hasEscapes(source, start + 1, end - 1)) return codec.write(out, at + 1, source, start + 1, end - 1);
    const length = this.#unquoted.load(source, start + 1, end - 1);
    return codec.write(out, at + 1, this.#unquoted.bytes, 0, length);
  }
}

/** The comma or parenthesis behind the field that begins at `start`. */
function fieldEnd(source: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && source[at] !== COMMA && source[at] !== CLOSE)
    at = source[at] === QUOTE ? closingQuote(source, at, end) + 1 : at + 1;
  return at;
}
