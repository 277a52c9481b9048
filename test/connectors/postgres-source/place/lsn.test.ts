import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lsnText, parseLsn } from '../../../../connectors/postgres-source/place/lsn.ts';

test.each([
  ['0/0', 0n],
  ['0/177C328', 0x177c328n],
  ['16/B374D848', 0x16_b374d848n],
  ['FFFFFFFF/FFFFFFFF', 2n ** 64n - 1n],
])('%s is one number, and prints as Postgres prints it', (text, lsn) => {
  expect(parseLsn(text)).toBe(lsn);
  expect(lsnText(lsn)).toBe(text);
});

test('every LSN survives its text', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (lsn) => parseLsn(lsnText(lsn)) === lsn),
  );
});

test.each(['', '1', '1/', '/1', '1/G', '123456789/0', '0/0 '])('"%s" is refused', (text) => {
  expect(() => parseLsn(text)).toThrow(SyntaxError);
});
