import { compressSync } from 'snappy';
import { expect, test } from 'vitest';
import { snappyCompress, snappyDecompress } from '../../../connectors/kafka/snappy-stream.ts';

const MANY = Buffer.alloc(100_000, 'stream ');

test('a raw block without the stream header is read too', () => {
  for (const bytes of [Buffer.from('x'), MANY])
    expect(snappyDecompress(compressSync(bytes), 1_000_000).equals(bytes)).toBe(true);
});

test('blocks hold 32 KiB before compression, as those of the Java producer', () => {
  const packed = snappyCompress(MANY);
  const sizes: number[] = [];
  for (let at = 16; at < packed.length; at += 4 + packed.readInt32BE(at))
    sizes.push(snappyDecompress(packed.subarray(at + 4, at + 4 + packed.readInt32BE(at)), 1_000_000).length);
  expect(sizes).toEqual([32_768, 32_768, 32_768, 1_696]);
});

test('the bound holds for a block, and for all blocks of a stream together', () => {
  expect(() => snappyDecompress(compressSync(MANY), 99_999)).toThrow(
    /block of 100000 bytes is larger than 99999/,
  );
  expect(() => snappyDecompress(snappyCompress(MANY), 99_999)).toThrow(
    /block of 1696 bytes is larger than 1695/,
  );
  expect(snappyDecompress(snappyCompress(MANY), 100_000).equals(MANY)).toBe(true);
});

test('a stream that is cut off or says nonsense about its blocks is refused', () => {
  const packed = snappyCompress(MANY);
  expect(() => snappyDecompress(packed.subarray(0, packed.length - 1), 1_000_000)).toThrow(RangeError);
  const negative = Buffer.from(packed);
  negative.writeInt32BE(-20, 16);
  expect(() => snappyDecompress(negative, 1_000_000)).toThrow(RangeError);
});
