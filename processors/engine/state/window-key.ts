import { TIME_BYTES, readTime, writeTime } from './time-bytes.ts';

const SEQ_BYTES = 4;
const SUFFIX_BYTES = TIME_BYTES + SEQ_BYTES;

/** Changelog key of a window store's clock: shorter than that of any entry. */
export const CLOCK_KEY = Buffer.from([0]);

/** Changelog key of an entry: the record's key, its time, its sequence number. */
export function windowKey(key: Buffer, time: number, seq: number): Buffer {
  const bytes = Buffer.allocUnsafe(key.length + SUFFIX_BYTES);
  bytes.set(key, 0);
  writeTime(bytes, time, key.length);
  bytes.writeUInt32BE(seq, key.length + TIME_BYTES);
  return bytes;
}

/**
 * The parts of an entry's changelog key, or null for the clock. The key is a copy.
 * @throws RangeError for what is neither: taken for a clock, it could make everything late
 */
export function parseWindowKey(bytes: Buffer): { key: Buffer; time: number; seq: number } | null {
  if (bytes.equals(CLOCK_KEY)) return null;
  const keyBytes = bytes.length - SUFFIX_BYTES;
  if (keyBytes < 0) throw new RangeError(`${bytes.length} bytes are no key of a window store`);
  return {
    key: Buffer.from(bytes.subarray(0, keyBytes)),
    time: readTime(bytes, keyBytes),
    seq: bytes.readUInt32BE(keyBytes + TIME_BYTES),
  };
}
