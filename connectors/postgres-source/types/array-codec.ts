import { writeLong } from './avro-varint.ts';
import { type ColumnCodec, type ColumnWriter, growthInList } from './column-codec.ts';
import { UnquotedText, closingQuote, hasEscapes } from './quoted-text.ts';

const OPEN = 0x7b;
const BRACKET = 0x5b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
/** Postgres quotes every other element that reads NULL, in whatever case. */
const NULL_WORD = 0x4e554c4c;
const NESTED = -1;

export interface ArrayOptions {
  /** `pg_type.typdelim`: a comma, except for box. */
  readonly delimiter: string;
  /** Writes an array that does not begin at 1 as if it did; else it has no Avro value. */
  readonly dropsLowerBound: boolean;
}

/**
 * One-dimensional arrays as Avro arrays of nullable elements. Postgres lets any array column hold more dimensions:
 * such a value, and one with an element that has no Avro value, has none itself.
 * https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
export function arrayCodec(element: ColumnCodec, options: ArrayOptions): ColumnCodec {
  const writer = new ArrayWriter(element.write, options);
  return {
    avro: { type: 'array', items: ['null', element.avro] },
    write: (out, at, source, start, end) => writer.write(out, at, source, start, end),
    growth: growthInList(element),
  };
}

class ArrayWriter {
  readonly #element: ColumnWriter;
  readonly #delimiter: number;
  readonly #dropsLowerBound: boolean;
  readonly #unquoted = new UnquotedText();

  constructor(element: ColumnWriter, { delimiter, dropsLowerBound }: ArrayOptions) {
    this.#element = element;
    this.#delimiter = delimiter.charCodeAt(0);
    this.#dropsLowerBound = dropsLowerBound;
  }

  write(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
    let open = start;
    if (source[start] === BRACKET && this.#dropsLowerBound) open = source.indexOf(EQUALS, start) + 1;
    const count = this.#count(source, open, end);
    if (count === NESTED) return -1;
    let offset = at;
    if (count > 0) {
      offset = writeLong(out, at, count);
      for (let i = open + 1; i < end;) {
        const stop = source[i] === QUOTE ? closingQuote(source, i, end) + 1 : this.#plainEnd(source, i, end);
        offset = this.#write(out, offset, source, i, stop);
        if (offset < 0) return -1;
        i = stop + 1;
      }
    }
    out[offset] = 0;
    return offset + 1;
  }

  /** Elements of the array whose brace is at `open`, {@link NESTED} for what is no list of plain elements. */
  #count(source: Buffer, open: number, end: number): number {
    if (source[open] !== OPEN) return NESTED;
    if (open + 2 === end) return 0;
    let count = 1;
    for (let i = open + 1; i < end - 1; i++) {
      const byte = source[i];
      if (byte === QUOTE) i = closingQuote(source, i, end);
      else if (byte === OPEN) return NESTED;
      else if (byte === this.#delimiter) count++;
    }
    return count;
  }

  #plainEnd(source: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end - 1 && source[at] !== this.#delimiter) at++;
    return at;
  }

  #write(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
    if (source[start] === QUOTE) {
      out[at] = 2;
      if (!hasEscapes(source, start + 1, end - 1))
        return this.#element(out, at + 1, source, start + 1, end - 1);
      const length = this.#unquoted.load(source, start + 1, end - 1);
      return this.#element(out, at + 1, this.#unquoted.bytes, 0, length);
    }
    if (isNull(source, start, end)) {
      out[at] = 0;
      return at + 1;
    }
    out[at] = 2;
    return this.#element(out, at + 1, source, start, end);
  }
}

function isNull(source: Buffer, start: number, end: number): boolean {
  return end - start === 4 && source.readUInt32BE(start) === NULL_WORD;
}
