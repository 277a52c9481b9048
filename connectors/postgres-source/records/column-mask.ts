import { type KeyObject, createHmac, createSecretKey } from 'node:crypto';
import { writeBytes, writeLong } from '../types/avro-varint.ts';
import type { ColumnCodec } from '../types/column-codec.ts';
import { type MaskPolicy, policyText } from '../shapes/column-policy.ts';

/** Stands for every value of a masked column, short or long. */
const MASK = Buffer.from('****');
/** SHA-256 in hex, and its length as Avro. */
const HASH_BYTES_MAX = 64 + 2;

/** What goes out in place of a column's values: a string, whatever the type of the column. */
export interface ColumnMask {
  readonly policy: MaskPolicy;
  readonly codec: ColumnCodec;
  /** Bytes that a value may take in Avro beyond those of its text. */
  readonly extraBytesMax: number;
  /** For the schema. */
  readonly doc: string;
}

/** @param hashKey the secret of `hash`: equal texts give equal hashes wherever it is the same */
export function columnMask(policy: MaskPolicy, hashKey: string | undefined): ColumnMask {
  const doc = DOCS[policy.kind].replace('N', policyText(policy).slice('truncate:'.length));
  const extraBytesMax = policy.kind === 'hash' ? HASH_BYTES_MAX : MASK.length;
  return { policy, codec: { avro: 'string', write: writerOf(policy, hashKey) }, extraBytesMax, doc };
}

const DOCS: Readonly<Record<MaskPolicy['kind'], string>> = {
  mask: 'masked: a constant in place of every value',
  hash: 'hashed: HMAC-SHA-256 of the text, in hex; equal texts have equal hashes',
  truncate: 'truncated: at most the first N characters',
};

function writerOf(policy: MaskPolicy, hashKey: string | undefined): ColumnCodec['write'] {
  if (policy.kind === 'truncate') {
    const { charactersMax } = policy;
    return (out, at, source, start, end) =>
      writeBytes(out, at, source, start, placeBehind(source, start, end, charactersMax));
  }
  if (policy.kind === 'hash') {
    const key = createSecretKey(hashKey ?? '', 'utf8');
    return (out, at, source, start, end) => writeHash(out, at, key, source, start, end);
  }
  return (out, at) => writeBytes(out, at, MASK, 0, MASK.length);
}

function writeHash(
  out: Buffer,
  at: number,
  key: KeyObject,
  source: Buffer,
  start: number,
  end: number,
): number {
  const digest = createHmac('sha256', key).update(source.subarray(start, end)).digest('hex');
  const offset = writeLong(out, at, digest.length);
  return offset + out.write(digest, offset, 'latin1');
}

/** The place behind the first `characters` characters of UTF-8. */
function placeBehind(source: Buffer, start: number, end: number, characters: number): number {
  let left = characters;
  for (let i = start; i < end; i++) {
    const continues = ((source[i] as number) & 0xc0) === 0x80;
    if (!continues && left-- === 0) return i;
  }
  return end;
}

/** The text that `mask` gives for the value in [start, end): the string that its codec writes. */
export function maskedText(mask: ColumnMask, source: Buffer, start: number, end: number): string {
  const avro = Buffer.allocUnsafe(end - start + mask.extraBytesMax + HASH_BYTES_MAX);
  const avroEnd = mask.codec.write(avro, 0, source, start, end);
  let textStart = 0;
  while (((avro[textStart++] as number) & 0x80) !== 0);
  return avro.toString('utf8', textStart, avroEnd);
}
