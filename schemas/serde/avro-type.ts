import avro, { type Schema, type Type } from 'avsc';
import type { AvroSchema } from '../avro-schema.ts';
import { type Decimal, rescale } from '../decimal.ts';
import { boundedCollection } from './bounded-collections.ts';
import { exactLong } from './exact-long.ts';

/** Avro `decimal` over bytes or a fixed: two's complement, big-endian, of the unscaled number. */
class DecimalType extends avro.types.LogicalType {
  #scale = 0;
  /** Of a fixed; null for bytes, which are as few as do. */
  #size: number | null = null;

  protected constructor(schema: Schema, options?: object) {
    super(schema, options as never);
    this.#scale = (schema as { scale?: number }).scale ?? 0;
    this.#size = (schema as { size?: number }).size ?? null;
  }

  protected override _fromValue(bytes: Buffer): Decimal {
    const unscaled =
      bytes.length === 0 ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
    return { unscaled, scale: this.#scale };
  }

  protected override _toValue(value: unknown): Buffer | undefined {
    if (typeof value !== 'object' || value === null || !('unscaled' in value)) return undefined;
    return twosComplement(rescale(value as Decimal, this.#scale).unscaled, this.#size);
  }

  /** A writer's decimal of another precision is the same number as long as the scale agrees. */
  protected override _resolve(writer: Type): ((value: Decimal) => Decimal) | undefined {
    if (!(writer instanceof DecimalType) || writer.#scale !== this.#scale) return undefined;
    return (value) => value;
  }
}

/** As long as `size`, or longer: then the fixed refuses it. */
function twosComplement(value: bigint, size: number | null): Buffer {
  let bytes = size ?? 1;
  while (value < -(1n << BigInt(bytes * 8 - 1)) || value >= 1n << BigInt(bytes * 8 - 1)) bytes++;
  const hex = BigInt.asUintN(bytes * 8, value).toString(16);
  return Buffer.from(hex.padStart(bytes * 2, '0'), 'hex');
}

/**
 * The compiled type of a schema. In values a `long` (and every logical type over it) is a bigint, a `decimal` a
 * {@link Decimal}, a `date` the days since 1970-01-01 as a number, a nullable union is the value or null.
 */
export function compileType(schema: AvroSchema): Type {
  return avro.Type.forSchema(
    schema as Schema,
    {
      registry: {},
      logicalTypes: { decimal: DecimalType as never },
      typeHook: (attributes: unknown, options: object) =>
        isLong(attributes) ? exactLong : boundedCollection(attributes, options),
    } as never,
  );
}

function isLong(attributes: unknown): boolean {
  if (attributes === 'long') return true;
  return (
    typeof attributes === 'object' &&
    attributes !== null &&
    'type' in attributes &&
    attributes.type === 'long'
  );
}
