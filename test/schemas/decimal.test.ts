import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decimal, decimalText, minus, plus, rescale } from '../../schemas/decimal.ts';

test.each([
  ['0', 0n, 0],
  ['-12.50', -1250n, 2],
  ['+7', 7n, 0],
  ['0.0001', 1n, 4],
  ['99999999999999999999.99', 9999999999999999999999n, 2],
])('%s is unscaled %s with scale %i', (text, unscaled, scale) => {
  expect(decimal(text)).toEqual({ unscaled, scale });
});

test.each(['', '.', '1e3', 'NaN', '1,000', '--1'])('"%s" is no decimal', (text) => {
  expect(() => decimal(text)).toThrow(SyntaxError);
});

test.each([
  [0n, 2, '0.00'],
  [-5n, 2, '-0.05'],
  [12345n, 0, '12345'],
  [1n, 4, '0.0001'],
])('unscaled %s with scale %i prints as %s', (unscaled, scale, text) => {
  expect(decimalText({ unscaled, scale })).toBe(text);
});

test('sums keep the finer scale and lose nothing', () => {
  expect(decimalText(plus(decimal('0.1'), decimal('0.02')))).toBe('0.12');
  expect(decimalText(minus(decimal('1'), decimal('0.0001')))).toBe('0.9999');
});

test('a rescale that would round is refused', () => {
  expect(rescale(decimal('1.50'), 1)).toEqual({ unscaled: 15n, scale: 1 });
  expect(() => rescale(decimal('1.55'), 1)).toThrow('does not fit 1 decimal places');
});

test('any decimal survives its text, and a + b - b is a', () => {
  const value = fc.record({
    unscaled: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
    scale: fc.nat(12),
  });
  fc.assert(
    fc.property(value, value, (a, b) => {
      expect(decimal(decimalText(a))).toEqual(a);
      expect(rescale(minus(plus(a, b), b), a.scale)).toEqual(a);
    }),
  );
});
