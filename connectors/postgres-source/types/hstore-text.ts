import { writeBytes, writeLong } from './avro-varint.ts';
import type { ColumnCodec } from './column-codec.ts';
import { UnquotedText, closingQuote, hasEscapes } from './quoted-text.ts';

const QUOTE = 0x22;
const ARROW_HEAD = 0x3e;
/** `=>` behind a key, `, ` behind a value. */
const SEPARATOR_BYTES = 2;
const NULL_BYTES = 4;

/** `"a"=>"b", "c"=>NULL` as a map of nullable strings. https://www.postgresql.org/docs/current/hstore.html */
export function hstoreCodec(): ColumnCodec {
  const unquoted = new UnquotedText();
  return {
    avro: { type: 'map', values: ['null', 'string'] },
    write: (out, at, source, start, end) => writeHstore(out, at, source, start, end, unquoted),
    growth: 2,
  };
}

function writeHstore(
  out: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
  unquoted: UnquotedText,
): number {
  let offset = at;
  const pairs = countPairs(source, start, end);
  if (pairs > 0) offset = writeLong(out, at, pairs);
  for (let from = start; from < end;) {
    const keyEnd = closingQuote(source, from, end);
    offset = writeUnquoted(out, offset, source, from + 1, keyEnd, unquoted);
    const value = keyEnd + 1 + SEPARATOR_BYTES;
    const isText = source[value] === QUOTE;
    const valueEnd = isText ? closingQuote(source, value, end) + 1 : value + NULL_BYTES;
    out[offset++] = isText ? 2 : 0;
    if (isText) offset = writeUnquoted(out, offset, source, value + 1, valueEnd - 1, unquoted);
    from = valueEnd + SEPARATOR_BYTES;
  }
  out[offset] = 0;
  return offset + 1;
}

function countPairs(source: Buffer, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++)
    if (source[i] === QUOTE) i = closingQuote(source, i, end);
    else if (source[i] === ARROW_HEAD) count++;
  return count;
}

function writeUnquoted(
  out: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
  unquoted: UnquotedText,
): number {
  if (!hasEscapes(source, start, end)) return writeBytes(out, at, source, start, end);
  const length = unquoted.load(source, start, end);
  return writeBytes(out, at, unquoted.bytes, 0, length);
}
