const DECIMAL = /^numeric\((\d+),(\d+)\)$/;

/** Column types that hold every value of the type before them. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  smallint: ['integer', 'bigint', 'numeric', 'real', 'double precision'],
  integer: ['bigint', 'numeric', 'double precision'],
  bigint: ['numeric'],
  real: ['double precision'],
  'character varying': ['text'],
  uuid: ['text'],
};

/** Whether a column of type `wide` holds every value of type `narrow` and is not the same type; names as `format_type` prints. */
export function isWider(wide: string, narrow: string): boolean {
  if (WIDER[narrow]?.includes(wide) === true) return true;
  if (/^character varying\(\d+\)$/.test(narrow)) return wide === 'text' || wide === 'character varying';
  const from = DECIMAL.exec(narrow);
  if (from === null) return false;
  if (wide === 'numeric') return true;
  const to = DECIMAL.exec(wide);
  if (to === null || wide === narrow) return false;
  const wholeDigits = (match: RegExpExecArray): number => Number(match[1]) - Number(match[2]);
  return Number(to[2]) >= Number(from[2]) && wholeDigits(to) >= wholeDigits(from);
}
