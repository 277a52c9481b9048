import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import { Failure } from '../../infra/process/failure.ts';
import { snappyCompress, snappyDecompress } from './snappy-stream.ts';

/** How the records of a batch are compressed: `compression.type` of Kafka's producers and topics. */
export type Compression = (typeof COMPRESSIONS)[number];

/** In the order of the codec's number in a batch's attributes. */
export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/** What one compressed batch may grow to, in bytes; a broker takes a batch of 1 MiB by default. */
const INFLATED_BYTES_MAX = 256 * 1024 * 1024;

/** Levels are those of Kafka's Java producer: gzip 6, zstd 3, and the others have none that is in use. */
export function compress(codec: Compression, records: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return records;
    case 'gzip':
      return gzipSync(records);
    case 'snappy':
      return snappyCompress(records);
    case 'lz4':
      return compressFrameSync(records);
    case 'zstd':
      return zstdCompressSync(records);
  }
}

/** @throws Failure `kafka.corrupt_batch` (stop): the bytes are not of this codec, or grow beyond 256 MiB */
export function decompress(codec: Compression, packed: Buffer, where: string): Buffer {
  try {
    return inflate(codec, packed);
  } catch (error) {
    throw new Failure('kafka.corrupt_batch', 'stop', `${where} cannot be decompressed as ${codec}`, {
      cause: error,
      fix: 'see which producer wrote it: another client cannot read it either if its bytes are damaged',
    });
  }
}

function inflate(codec: Compression, packed: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return packed;
    case 'gzip':
      return gunzipSync(packed, { maxOutputLength: INFLATED_BYTES_MAX });
    case 'snappy':
      return snappyDecompress(packed, INFLATED_BYTES_MAX);
    case 'lz4':
      // LZ4 grows at most 255-fold, which bounds what comes out by the bytes that were fetched.
      return decompressFrameSync(packed);
    case 'zstd':
      return zstdDecompressSync(packed, { maxOutputLength: INFLATED_BYTES_MAX });
  }
}
