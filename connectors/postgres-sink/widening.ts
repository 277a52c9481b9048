/** Column types that hold every value of the type before them. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  smallint: ['integer', 'bigint', 'numeric', 'real', 'double precision'],
  integer: ['bigint', 'numeric', 'double precision'],
  bigint: ['numeric'],
  real: ['double precision'],
  'character varying': ['text'],
  uuid: ['text'],
};

/** Types that hold more the larger the number in their parentheses is, and most without one. */
const SIZED = /^(character varying|bpchar|bit varying|interval|time(stamp)? with(out)? time zone)$/;

/** Whether a column of type `wide` holds every value of type `narrow` and is not the same type; names as `format_type` prints. */
export function isWider(wide: string, narrow: string): boolean {
  if (wide.endsWith('[]') && narrow.endsWith('[]')) return isWider(wide.slice(0, -2), narrow.slice(0, -2));
  const to = partsOf(wide);
  const from = partsOf(narrow);
  if (to.name === from.name) return isLarger(to.name, to.size, from.size);
  // Of a type that an extension or somebody has made, which has a dot.
  if (wide === 'text' && narrow.includes('.') && !narrow.endsWith('[]')) return true;
  return to.size === null && WIDER[from.name]?.includes(to.name) === true;
}

interface Parts {
  readonly name: string;
  /** The numbers in the parentheses. */
  readonly size: readonly number[] | null;
}

function partsOf(type: string): Parts {
  const [, head = type, size, tail = ''] = /^([^(]*)\((-?\d+(?:,-?\d+)?)\)(.*)$/.exec(type) ?? [];
  const name = head.replace(/^character$/, 'bpchar');
  return { name: `${name}${tail}`, size: size === undefined ? null : size.split(',').map(Number) };
}

function isLarger(name: string, to: readonly number[] | null, from: readonly number[] | null): boolean {
  if (name !== 'numeric' && !SIZED.test(name)) return false;
  if (to === null || from === null) return to === null && from !== null;
  const [toSize = 0, toScale = 0] = to;
  const [fromSize = 0, fromScale = 0] = from;
  if (name !== 'numeric') return toSize > fromSize;
  if (toSize === fromSize && toScale === fromScale) return false;
  return toScale >= fromScale && toSize - toScale >= fromSize - fromScale;
}
