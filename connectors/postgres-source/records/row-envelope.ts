import { copyBytes, writeLong } from '../types/avro-varint.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';

/** Writes the fields of schemas/change-event.ts. `unchanged` are places in `names`, which are Avro strings. */
export function writeRowEnvelope(
  out: Buffer,
  start: number,
  op: string,
  head: TransactionHead,
  seq: number,
  unchanged: readonly number[],
  names: readonly Buffer[],
): number {
  out[start] = 2;
  out[start + 1] = op.charCodeAt(0);
  let at = copyBytes(out, start + 2, head.bytes, 0, head.bytes.length);
  at = writeLong(out, writeLong(out, at, seq), head.xid);
  if (unchanged.length > 0) {
    at = writeLong(out, at, unchanged.length);
    for (const i of unchanged) {
      const name = names[i] as Buffer;
      at = copyBytes(out, at, name, 0, name.length);
    }
  }
  out[at] = 0;
  return at + 1;
}
