/** For the compiler alone. */
declare const identified: unique symbol;

/**
 * A key that knows what it identifies: of two keys of one type only those with the same name go together. A plain value
 * goes in, and the key goes wherever a plain value does; a key of another name does not compile. Nothing of it is there
 * at run time.
 */
export type Key<Name extends string, Type = unknown> = Type & {
  // Undefined, so that the compiler's message names the two keys, and not a compiler option.
  readonly [identified]?: Name | undefined;
};
