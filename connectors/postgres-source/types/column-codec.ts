import type { AvroSchema } from '../../../schemas/avro-schema.ts';

/** A Postgres type as a codec needs it: a domain is given as its base type. */
export interface ColumnType {
  readonly oid: number;
  /** `pg_attribute.atttypmod`, -1 where the type has none. */
  readonly typmod: number;
  /** What a type is made of; absent of a scalar. */
  readonly shape?: TypeShape;
}

export type TypeShape =
  | {
      readonly kind: 'array';
      readonly element: ColumnType;
      readonly delimiter: string;
      readonly dimensions: number;
    }
  | { readonly kind: 'composite'; readonly attributes: readonly TypeAttribute[] }
  | { readonly kind: 'enum'; readonly labels: readonly string[] }
  | { readonly kind: 'extension'; readonly extension: string; readonly name: string };

/** A field of a composite type. */
export interface TypeAttribute {
  readonly name: string;
  readonly type: ColumnType;
}

/**
 * Writes the text in [start, end) of `source` as Avro at `at`, and returns the place behind it; -1 when the Avro type
 * has no such value (infinity, NaN). The caller has made room: see {@link encodedBytesMax}.
 */
export type ColumnWriter = (out: Buffer, at: number, source: Buffer, start: number, end: number) => number;

export interface ColumnCodec {
  readonly avro: AvroSchema;
  readonly write: ColumnWriter;
  /** Avro bytes that one byte of text may become, before {@link encodedBytesMax} adds its constant; default 1. */
  readonly growth?: number;
}

/** No value of `textBytes` bytes of text takes more than this in Avro, of a codec that does not grow. */
export function encodedBytesMax(textBytes: number): number {
  return textBytes + 24;
}

/** What `codec` costs as a member of a list: `1,` is two bytes of text, and a double with its branch nine of Avro. */
export function growthInList(codec: ColumnCodec): number {
  if (codec.avro === 'double') return 5;
  if (codec.avro === 'float') return 3;
  return Math.max(2, codec.growth ?? 1);
}
