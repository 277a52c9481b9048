import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columnMask, maskedText } from '../../../../connectors/postgres-source/records/column-mask.ts';
import {
  type MaskPolicy,
  columnPolicy,
} from '../../../../connectors/postgres-source/shapes/column-policy.ts';
import { compileType } from '../../../../schemas/serde/avro-type.ts';

const KEY = 'a key of thirty-two bytes, or so.';
const STRING = compileType('string');

/** A value in the middle of a chunk, as its codec writes it; read by another decoder. */
function masked(policy: string, text: string, key: string | undefined = KEY): string {
  const mask = columnMask(columnPolicy(policy) as MaskPolicy, key);
  const source = Buffer.from(`left${text}right`);
  const end = source.length - 5;
  const out = Buffer.alloc(end - 4 + 24 + mask.extraBytesMax);
  const written = STRING.fromBuffer(out.subarray(0, mask.codec.write(out, 0, source, 4, end))) as string;
  expect(maskedText(mask, source, 4, end)).toBe(written);
  return written;
}

test('a mask tells neither the value nor its length', () => {
  expect(masked('mask', '')).toBe('****');
  expect(masked('mask', 'x'.repeat(1000))).toBe('****');
});

test('a hash is the HMAC-SHA-256 of the text, whatever the column', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(masked('hash', text)).toBe(createHmac('sha256', KEY).update(text).digest('hex'));
    }),
  );
});

test('another key makes other hashes', () => {
  expect(masked('hash', 'x', 'b'.repeat(32))).not.toBe(masked('hash', 'x'));
});

test('truncation counts characters, and never cuts one in two', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), (text, n) => {
      expect(masked(`truncate:${n}`, text)).toBe(Array.from(text).slice(0, n).join(''));
    }),
  );
});

test.each(['keep', 'exclude', 'mask', 'hash', 'truncate:7'])('%s is a policy', (text) => {
  expect(columnPolicy(text)).not.toBeNull();
});

test.each(['', 'hide', 'truncate', 'truncate:', 'truncate:-1', 'truncate:1.5', 'MASK'])(
  '%j is no policy',
  (text) => {
    expect(columnPolicy(text)).toBeNull();
  },
);
