import { compressSync, uncompressSync } from 'snappy';

/**
 * Snappy as Kafka's clients write it: the stream format of snappy-java (a header, then blocks, each behind its
 * length), which is none of Snappy's own formats. A record set that does not begin with the header is one raw block,
 * as some clients write.
 */
const HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
const MAGIC = HEADER.subarray(0, 8);

/** Bytes of a block before compression, as in Kafka's Java producer. */
const BLOCK_BYTES = 32 * 1024;
const LENGTH_BYTES = 4;

export function snappyCompress(bytes: Buffer): Buffer {
  const parts: Buffer[] = [HEADER];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = compressSync(bytes.subarray(at, at + BLOCK_BYTES));
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

/** @throws RangeError when more than `bytesMax` bytes would come out; Error when the bytes are damaged */
export function snappyDecompress(packed: Buffer, bytesMax: number): Buffer {
  if (!packed.subarray(0, MAGIC.length).equals(MAGIC)) return block(packed, bytesMax);
  const parts: Buffer[] = [];
  let left = bytesMax;
  for (let at = HEADER.length; at < packed.length;) {
    const end = at + LENGTH_BYTES + packed.readInt32BE(at);
    if (end > packed.length || end < at + LENGTH_BYTES)
      throw new RangeError(`a block of the stream ends at byte ${end} of ${packed.length}`);
    const part = block(packed.subarray(at + LENGTH_BYTES, end), left);
    left -= part.length;
    parts.push(part);
    at = end;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function block(packed: Buffer, bytesMax: number): Buffer {
  const length = inflatedLength(packed);
  if (length > bytesMax) throw new RangeError(`a block of ${length} bytes is larger than ${bytesMax}`);
  return uncompressSync(packed) as Buffer;
}

/** The length that stands before a raw block, little endian in groups of seven bits. */
function inflatedLength(packed: Buffer): number {
  let length = 0;
  for (let at = 0, scale = 1; at < 5; at++, scale *= 0x80) {
    const byte = packed[at] ?? 0;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  return length;
}
