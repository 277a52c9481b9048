/** Reads block-style YAML whose scalars are JSON, with plain words as keys: what our writer writes, and no more. */
export function parseYaml(text: string): unknown {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ indent: line.length - line.trimStart().length, text: line.trimStart() }));
  return readBlock(lines);
}

interface Line {
  readonly indent: number;
  readonly text: string;
}

function readBlock(lines: readonly Line[]): unknown {
  const [first] = lines;
  if (first === undefined) throw new Error('an empty block');
  if (first.text.startsWith('- ')) return groups(lines, first.indent).map(readItem);
  const entry = keyOf(first.text);
  if (entry === null) return JSON.parse(first.text);
  return Object.fromEntries(groups(lines, first.indent).map(readMember));
}

/** Lines at this indent, each with what is indented under it. */
function groups(lines: readonly Line[], indent: number): Line[][] {
  const found: Line[][] = [];
  for (const line of lines) {
    if (line.indent < indent) throw new Error(`indent ${line.indent} under ${indent}`);
    if (line.indent === indent) found.push([line]);
    else found.at(-1)?.push(line);
  }
  return found;
}

function readItem([first, ...rest]: Line[]): unknown {
  if (first === undefined) throw new Error('an empty item');
  return readBlock([{ indent: first.indent + 2, text: first.text.slice(2) }, ...rest]);
}

function readMember([first, ...rest]: Line[]): [string, unknown] {
  const entry = keyOf(first?.text ?? '');
  if (entry === null) throw new Error(`no key: ${first?.text}`);
  return [entry.key, entry.rest === '' ? readBlock(rest) : JSON.parse(entry.rest.trim())];
}

function keyOf(text: string): { key: string; rest: string } | null {
  const [, key, rest] = /^("(?:[^"\\]|\\.)*"|[a-z_]+):(?: (.*))?$/.exec(text) ?? [];
  if (key === undefined) return null;
  return { key: key.startsWith('"') ? (JSON.parse(key) as string) : key, rest: rest ?? '' };
}
