/** A type as a column is declared with it, the values that are written as SQL, and what a reader of the topic must see. */
export interface TypeCase {
  readonly column: string;
  readonly type: string;
  /** SQL expressions with the Avro value (see schemas/serde/avro-type.ts), or a {@link special}. */
  readonly values: readonly (readonly [sql: string, value: unknown])[];
}

/** The value has no Avro form: null, and its text in the header `pg.special`. */
export const special = (text: string): Special => ({ special: text });

export interface Special {
  readonly special: string;
}

export function isSpecial(value: unknown): value is Special {
  return typeof value === 'object' && value !== null && 'special' in value;
}

/** A decimal as the serde gives it. */
export const dec = (unscaled: bigint, scale: number): object => ({ unscaled, scale });
export const bytes = (...values: number[]): Buffer => Buffer.from(values);
/** Texts that arrive as they are. */
export const strings = (...texts: string[]): [string, string][] => texts.map((text) => [`'${text}'`, text]);
