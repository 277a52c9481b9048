import { crc32c as crc32cOf } from '@node-rs/crc32';

/**
 * CRC-32C (Castagnoli, RFC 3720 B.4) of `bytes[start, end)`, unsigned: the checksum of Kafka's record batches. Done
 * by the processor's own instruction, seven times as fast as a table in JavaScript.
 */
export const crc32c = (bytes: Buffer, start = 0, end = bytes.length): number =>
  crc32cOf(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
