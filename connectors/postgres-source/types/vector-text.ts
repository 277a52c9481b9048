import { writeLong } from './avro-varint.ts';
import type { ColumnCodec } from './column-codec.ts';
import type { RecordName } from './composite-codec.ts';
import { digits, digitsEnd } from './digits.ts';
import { readFloat } from './float-text.ts';

const COMMA = 0x2c;
const SLASH = 0x2f;

/** pgvector's `vector` and `halfvec`, `[1,2.5]`: both fit single precision. https://github.com/pgvector/pgvector */
export const vector: ColumnCodec = { avro: { type: 'array', items: 'float' }, write: writeVector, growth: 3 };

/** pgvector's `sparsevec`, `{1:1.5,3:2}/5`: the indices start at 1, as it prints them. */
export function sparseVectorCodec(record: RecordName): ColumnCodec {
  return {
    avro: {
      type: 'record',
      ...record,
      fields: [
        { name: 'dim', type: 'int' },
        { name: 'indices', type: { type: 'array', items: 'int' } },
        { name: 'values', type: { type: 'array', items: 'float' } },
      ],
    },
    write: writeSparseVector,
    growth: 3,
  };
}

function writeVector(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  let offset = at;
  const count = countMembers(source, start, end);
  if (count > 0) offset = writeLong(out, at, count);
  for (let from = start + 1; from < end;) {
    const stop = memberEnd(source, from, end - 1);
    if (stop > from) offset = out.writeFloatLE(readFloat(source, from, stop), offset);
    from = stop + 1;
  }
  out[offset] = 0;
  return offset + 1;
}

function writeSparseVector(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  let close = end - 1;
  while (source[close] !== SLASH) close--;
  const count = countMembers(source, start, close);
  let offset = writeLong(out, at, digits(source, close + 1, end));
  for (const member of ['index', 'value'] as const) {
    if (count > 0) offset = writeLong(out, offset, count);
    for (let from = start + 1; from < close;) {
      const stop = memberEnd(source, from, close - 1);
      if (stop > from) {
        const colon = digitsEnd(source, from, stop);
        offset =
          member === 'index'
            ? writeLong(out, offset, digits(source, from, colon))
            : out.writeFloatLE(readFloat(source, colon + 1, stop), offset);
      }
      from = stop + 1;
    }
    out[offset++] = 0;
  }
  return offset;
}

/** Members between the two brackets, of which the second is the last byte before `end`. */
function countMembers(source: Buffer, start: number, end: number): number {
  if (end - start <= 2) return 0;
  let count = 1;
  for (let i = start + 1; i < end - 1; i++) if (source[i] === COMMA) count++;
  return count;
}

function memberEnd(source: Buffer, start: number, close: number): number {
  let at = start;
  while (at < close && source[at] !== COMMA) at++;
  return at;
}
