/** A broken invariant of our own: a programmer's mistake, never an operating error. It is not retried. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** Stops at once when an invariant does not hold. @throws AssertionFailure */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** The value, where the surrounding code guarantees that there is one. @throws AssertionFailure */
export function must<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new AssertionFailure(message);
  return value;
}
