/** A regular expression over a whole dotted name (`schema.table` or `schema.table.column`), whatever its letter case. */
export interface NamePattern {
  /** As it was given. */
  readonly text: string;
  readonly regex: RegExp;
}

/** Anchored at both ends, as in Debezium's include and exclude lists. @throws SyntaxError */
export function namePattern(text: string): NamePattern {
  return { text, regex: new RegExp(`^(?:${text})$`, 'iu') };
}

export function matchesAny(patterns: readonly NamePattern[], name: string): boolean {
  return patterns.some(({ regex }) => regex.test(name));
}

/** The items of a comma-separated list; a comma inside of brackets, or behind a backslash, belongs to its pattern. */
export function patternList(list: string): string[] {
  const items: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= list.length; i++) {
    const character = list[i];
    if (character === '\\') i++;
    else if (character === '(' || character === '[' || character === '{') depth++;
    else if (character === ')' || character === ']' || character === '}') depth--;
    else if (character === undefined || (character === ',' && depth === 0)) {
      items.push(list.slice(start, i).trim());
      start = i + 1;
    }
  }
  return items.filter((item) => item !== '');
}
