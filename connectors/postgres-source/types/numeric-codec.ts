import type { ColumnCodec } from './column-codec.ts';
import { writeClampedDecimal, writeDecimal } from './decimal-text.ts';

/** Readers in the field (Flink, Spark, Trino) stop at 38 digits. */
export const DECIMAL_PRECISION_MAX = 38;

export interface DecimalSize {
  readonly precision: number;
  readonly scale: number;
}

/**
 * The Avro decimal of a `numeric` with this modifier; null without one, and where it has more digits than readers take.
 * Avro wants 0 <= scale <= precision; Postgres 15 has numeric(3,-2) and numeric(3,5) too.
 */
export function declaredDecimal(typmod: number): DecimalSize | null {
  if (typmod < 4) return null;
  const declaredPrecision = ((typmod - 4) >> 16) & 0xffff;
  const declaredScale = (((typmod - 4) & 0x7ff) ^ 0x400) - 0x400;
  const scale = Math.max(0, declaredScale);
  const precision =
    declaredScale < 0 ? declaredPrecision - declaredScale : Math.max(declaredPrecision, scale);
  return precision > DECIMAL_PRECISION_MAX ? null : { precision, scale };
}

export function decimalCodec({ precision, scale }: DecimalSize, clamp: boolean): ColumnCodec {
  const write = clamp ? writeClampedDecimal : writeDecimal;
  return {
    avro: { type: 'bytes', logicalType: 'decimal', precision, scale },
    write: (out, at, source, start, end) => write(out, at, source, start, end, precision, scale),
  };
}
