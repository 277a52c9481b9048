/** What a YAML document is made of here. Members that are undefined are left out. */
export type YamlValue =
  | string
  | number
  | boolean
  | readonly YamlValue[]
  | { readonly [name: string]: YamlValue | undefined };

/** Words that are safe as they stand: no number, no `yes`, `null` or `~`. */
const PLAIN_KEY = /^[a-z][a-z_]*[a-z]$/;
const RESERVED = new Set(['yes', 'no', 'on', 'off', 'true', 'false', 'null']);
/** What JSON leaves as it is and YAML does not take, or takes for the end of a line. */
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/**
 * A block-style YAML document. Every text is double-quoted, with JSON's escapes, so that no value of a database is
 * taken for anything else. https://yaml.org/spec/1.2.2/#73-flow-scalar-styles
 */
export function yamlText(value: YamlValue): string {
  return `${block(value, '').join('\n')}\n`;
}

function block(value: YamlValue, indent: string): string[] {
  if (typeof value !== 'object') return [`${indent}${scalar(value)}`];
  const lines = isList(value)
    ? value.flatMap((item) => itemLines(item, indent))
    : Object.entries(value).flatMap(([name, member]) =>
        member === undefined ? [] : memberLines(name, member, indent),
      );
  if (lines.length > 0) return lines;
  return [`${indent}${isList(value) ? '[]' : '{}'}`];
}

function itemLines(item: YamlValue, indent: string): string[] {
  const [first = '', ...rest] = block(item, `${indent}  `);
  return [`${indent}- ${first.trimStart()}`, ...rest];
}

function memberLines(name: string, member: YamlValue, indent: string): string[] {
  const key = PLAIN_KEY.test(name) && !RESERVED.has(name) ? name : scalar(name);
  const lines = block(member, `${indent}  `);
  if (typeof member === 'object' && !isEmpty(member)) return [`${indent}${key}:`, ...lines];
  return [`${indent}${key}: ${lines.join('').trimStart()}`];
}

function isEmpty(value: object): boolean {
  return Object.values(value).every((member) => member === undefined);
}

function isList(value: YamlValue): value is readonly YamlValue[] {
  return Array.isArray(value);
}

function scalar(value: string | number | boolean): string {
  return JSON.stringify(value).replaceAll(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
