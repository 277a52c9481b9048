import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from '../../../connectors/kafka/crc32c.ts';
import { VARINT_BYTES_MAX, readVarint, varintSize, writeVarint } from '../../../connectors/kafka/varint.ts';
import { WireReader, WireWriter } from '../../../connectors/kafka/wire.ts';

const WHOLE = fc.oneof(fc.integer(), fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }));

test('a variable-length integer comes back as it was, in as many bytes as announced', () => {
  fc.assert(
    fc.property(WHOLE, (value) => {
      const buffer = Buffer.alloc(VARINT_BYTES_MAX + 1);
      const end = writeVarint(buffer, 1, value);
      const cursor = { buffer, at: 1 };
      expect(readVarint(cursor)).toBe(value);
      expect(cursor.at).toBe(end);
      expect(end - 1).toBe(varintSize(value));
    }),
  );
});

test('variable-length integers have the bytes of the Protocol Buffers zigzag encoding', () => {
  const encoded = [0, -1, 1, -2, 300, 2 ** 31 - 1, -(2 ** 31), 2 ** 40].map((value) => {
    const buffer = Buffer.alloc(VARINT_BYTES_MAX);
    return buffer.subarray(0, writeVarint(buffer, 0, value)).toString('hex');
  });
  expect(encoded).toEqual(['00', '01', '02', '03', 'd804', 'feffffff0f', 'ffffffff0f', '808080808040']);
});

test('a variable-length integer that is cut off is an error', () => {
  expect(() => readVarint({ buffer: Buffer.from([0x80]), at: 0 })).toThrow(RangeError);
});

test('the checksum is CRC-32C', () => {
  // Test values of RFC 3720 B.4.
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => index)))).toBe(0x46dd794e);
  expect(crc32c(Buffer.from('..123456789.'), 2, 11)).toBe(0xe3069283);
});

test('the checksum of any length agrees with the one taken byte by byte', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat({ max: 9 }), (content, start) => {
      const bytes = Buffer.concat([Buffer.alloc(start), content]);
      expect(crc32c(bytes, start)).toBe(slowCrc32c(content));
    }),
  );
});

function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test('fields of the protocol come back as they were', () => {
  fc.assert(
    fc.property(
      fc.option(fc.string({ unit: 'grapheme' })),
      WHOLE,
      fc.option(fc.uint8Array()),
      fc.array(fc.integer(), { maxLength: 200 }),
      (text, number, bytes, list) => {
        const blob = bytes === null ? null : Buffer.from(bytes);
        const writer = new WireWriter().string(text).int64(number).blob(blob).compactString(text).bool(true);
        writer.compactArray(list, (item) => writer.int32(item)).noTags();
        const reader = new WireReader(writer.bytes());
        expect([
          reader.string(),
          reader.int64(),
          reader.blob(),
          reader.compactString(),
          reader.bool(),
        ]).toEqual([text, number, blob, text, true]);
        expect(reader.compactArray(() => reader.int32())).toEqual(list);
        reader.skipTags();
        expect(reader.remaining).toBe(0);
      },
    ),
  );
});

test('a response that ends too early is an error', () => {
  expect(() => new WireReader(Buffer.from([0, 5, 65])).string()).toThrow('of 3 bytes ends before byte 7');
});

test.each(Array.from({ length: 40 }, (_, i) => 240 + i))(
  'a buffer that grows after %i bytes loses nothing of what is written across its old end',
  (length) => {
    const text = 'x'.repeat(length);
    const blob = Buffer.from('blob');
    const writer = new WireWriter().compactString(text).noTags().compactString('after').blob(blob);
    const reader = new WireReader(writer.bytes());
    expect(reader.compactString()).toBe(text);
    reader.skipTags();
    expect(reader.compactString()).toBe('after');
    expect(reader.blob()).toEqual(blob);
  },
);
