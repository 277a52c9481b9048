import { writeFrame, FRAME_BYTES } from '../../../schemas/serde/wire-format.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import { LONG_BYTES_MAX, writeBytes } from './avro-varint.ts';

/** A record without a key has one order only on one partition. */
const KEYLESS_PARTITION = 0;

/** Avro `string` or `bytes`, which look the same, in the registry's frame. */
export function framedText(schemaId: number, bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(FRAME_BYTES + LONG_BYTES_MAX + bytes.length);
  writeFrame(out, schemaId);
  return out.subarray(0, writeBytes(out, FRAME_BYTES, bytes, 0, bytes.length));
}

/** The partition of a framed key. */
export function partitionOf(key: Buffer | null, partitions: number): number {
  return key === null ? KEYLESS_PARTITION : partitionFor(key.subarray(FRAME_BYTES), partitions);
}
