/** An exact decimal number: `unscaled / 10^scale`. The value of an Avro `decimal` and of a Postgres `numeric(p,s)`. */
export interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

const TEXT = /^([+-]?)(\d+)(?:\.(\d*))?$/;

/** Reads `-12.50` as unscaled -1250, scale 2. @throws SyntaxError for anything but plain decimal notation */
export function decimal(text: string): Decimal {
  const match = TEXT.exec(text);
  if (match === null) throw new SyntaxError(`not a decimal number: "${text}"`);
  const fraction = match[3] ?? '';
  const digits = BigInt(match[2] + fraction);
  return { unscaled: match[1] === '-' ? -digits : digits, scale: fraction.length };
}

export function zero(scale: number): Decimal {
  return { unscaled: 0n, scale };
}

/** The same number at another scale. @throws RangeError where digits other than zero would be lost */
export function rescale(value: Decimal, scale: number): Decimal {
  if (scale === value.scale) return value;
  if (scale > value.scale) return { unscaled: value.unscaled * 10n ** BigInt(scale - value.scale), scale };
  const divisor = 10n ** BigInt(value.scale - scale);
  if (value.unscaled % divisor !== 0n)
    throw new RangeError(`${decimalText(value)} does not fit ${scale} decimal places without rounding`);
  return { unscaled: value.unscaled / divisor, scale };
}

export function plus(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { unscaled: rescale(a, scale).unscaled + rescale(b, scale).unscaled, scale };
}

export function minus(a: Decimal, b: Decimal): Decimal {
  return plus(a, { unscaled: -b.unscaled, scale: b.scale });
}

/** Plain notation with all `scale` digits, as Postgres prints a `numeric(p,s)`. */
export function decimalText(value: Decimal): string {
  const negative = value.unscaled < 0n;
  const digits = (negative ? -value.unscaled : value.unscaled).toString().padStart(value.scale + 1, '0');
  const whole = digits.slice(0, digits.length - value.scale);
  const fraction = value.scale === 0 ? '' : `.${digits.slice(digits.length - value.scale)}`;
  return `${negative ? '-' : ''}${whole}${fraction}`;
}
