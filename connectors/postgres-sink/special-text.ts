import type { Header } from '../kafka/port.ts';
import type { Fields } from './batch.ts';

/** Header with the texts of values that their Avro types do not have; the fields are null. */
const SPECIAL_HEADER = 'pg.special';

/** Stands in the header for bytes that are no UTF-8: what they were is lost. */
const REPLACEMENT = '\u{fffd}';

/** A value of a field that its Avro type does not have (infinity, NaN, 24:00:00), as Postgres prints it. */
export class SpecialText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toJSON(): string {
    return this.text;
  }
}

/**
 * The row with the special values of its record in place of nulls. Text that is no UTF-8 stays null.
 * @throws SyntaxError for a header that is no JSON
 */
export function withSpecials(row: Fields, headers: readonly Header[]): Fields {
  const specials = specialsOf(headers);
  if (specials === null) return row;
  const whole: Record<string, unknown> = { ...row };
  for (const [field, text] of specials) if (row[field] === null) whole[field] = text;
  return whole;
}

/** By field; null of a record that has none. @throws SyntaxError for a header that is no JSON */
export function specialsOf(headers: readonly Header[]): ReadonlyMap<string, SpecialText> | null {
  for (const { key, value } of headers)
    if (key === SPECIAL_HEADER && value !== null) return parsed(value.toString('utf8'));
  return null;
}

function parsed(json: string): ReadonlyMap<string, SpecialText> {
  const specials = new Map<string, SpecialText>();
  for (const [field, text] of Object.entries(JSON.parse(json) as Readonly<Record<string, unknown>>))
    if (typeof text === 'string' && !text.includes(REPLACEMENT)) specials.set(field, new SpecialText(text));
  return specials;
}
