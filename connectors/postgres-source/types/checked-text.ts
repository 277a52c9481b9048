import { isUtf8 } from 'node:buffer';
import { writeBytes } from './avro-varint.ts';

/** Text of a SQL_ASCII database, which takes any bytes: what is not UTF-8 is no Avro string. */
export function writeCheckedText(
  out: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
): number {
  for (let i = start; i < end; i++)
    if ((source[i] as number) > 0x7f)
      return isUtf8(source.subarray(i, end)) ? writeBytes(out, at, source, start, end) : -1;
  return writeBytes(out, at, source, start, end);
}
