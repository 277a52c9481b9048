import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BinaryArray } from '../../../connectors/postgres-sink/binary-array.ts';

/** Elements as array_recv sees them, null or bytes. */
function elementsOf(array: Buffer): (Buffer | null)[] {
  if (array.readInt32BE(0) === 0) return [];
  const elements: (Buffer | null)[] = [];
  for (let at = 20; at < array.length;) {
    const length = array.readInt32BE(at);
    at += 4;
    elements.push(length < 0 ? null : array.subarray(at, at + length));
    at += Math.max(0, length);
  }
  expect(elements).toHaveLength(array.readInt32BE(12));
  return elements;
}

test('elements stay what they are, however often the array grows', () => {
  const element = fc.option(fc.string({ unit: 'grapheme', maxLength: 600 }));
  fc.assert(
    fc.property(fc.array(element, { maxLength: 60 }), fc.boolean(), (texts, isVersioned) => {
      const version = isVersioned ? 1 : null;
      const [written, copied] = [new BinaryArray(0), new BinaryArray(0)];
      for (const text of texts) {
        const bytes = Buffer.from(`..${text}.`);
        if (text === null) for (const out of [written, copied]) out.addNull();
        else {
          written.addText(text, version);
          copied.addBytes(bytes, 2, bytes.length - 1, version);
        }
      }
      const array = written.finish(25);
      expect(copied.finish(25)).toEqual(array);
      const prefix = isVersioned ? '\u0001' : '';
      expect(elementsOf(array).map((bytes) => bytes?.toString() ?? null)).toEqual(
        texts.map((text) => (text === null ? null : prefix + text)),
      );
      expect(array.readInt32BE(4)).toBe(texts.length > 0 && texts.includes(null) ? 1 : 0);
    }),
  );
});

test('numbers are big-endian, of their own length', () => {
  const array = new BinaryArray(0);
  array.addInt8(1);
  array.addInt16(-2);
  array.addInt32(-3);
  array.addInt64(-1, 0xffff_fffe);
  array.addBigInt(-(2n ** 63n));
  array.addFloat(0.5);
  array.addDouble(-0);
  expect(elementsOf(array.finish(23)).map((bytes) => bytes?.toString('hex'))).toEqual([
    '01',
    'fffe',
    'fffffffd',
    'fffffffffffffffe',
    '8000000000000000',
    '3f000000',
    '8000000000000000',
  ]);
});
