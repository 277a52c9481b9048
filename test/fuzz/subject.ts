/** Something of the product that takes bytes from outside. */
export interface FuzzSubject {
  readonly name: string;
  /** Valid inputs, which are then damaged. */
  readonly samples: readonly Buffer[];
  /** Makes a damaged input pass a first check (a checksum), so that what stands behind it is reached too. */
  readonly mend?: (bytes: Buffer) => Buffer;
  /**
   * Takes one input to its end, everything lazy included. What is refused throws a Failure; whatever else is thrown is a
   * defect, as is an {@link Unkept} promise.
   */
  readonly run: (bytes: Buffer) => unknown;
}

/** A promise about bad input that was not kept: a neighbour lost, a server that does not answer any more. */
export class Unkept extends Error {
  override readonly name = 'Unkept';
}
