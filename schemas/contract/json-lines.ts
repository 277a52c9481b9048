/** Strings, punctuation, and what is written without quotes. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],]|[^\s{}[\]:,"]+/g;

interface Container {
  readonly path: string;
  readonly isArray: boolean;
  /** Of the member that comes next: its name, or its place in an array. Null while an object's name is awaited. */
  key: string | number | null;
}

/** Lines, counted from 1, on which the values of a JSON text begin, by JSON pointer (RFC 6901). The text is valid JSON. */
export function jsonLines(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const open: Container[] = [];
  let line = 1;
  let scanned = 0;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    line += text.slice(scanned, index).split('\n').length - 1;
    scanned = index;
    const container = open.at(-1);
    if (token === '}' || token === ']') open.pop();
    else if (token === ',') advance(container);
    else if (container?.key === null) container.key = JSON.parse(token) as string;
    else {
      const path = container === undefined ? '' : `${container.path}/${escaped(container.key)}`;
      lines.set(path, line);
      if (token === '{') open.push({ path, isArray: false, key: null });
      if (token === '[') open.push({ path, isArray: true, key: 0 });
    }
  }
  return lines;
}

/** The line of a place, or of the innermost place around it that the text has. */
export function lineOf(lines: ReadonlyMap<string, number>, path: string): number {
  let at = path;
  while (!lines.has(at) && at !== '') at = at.slice(0, at.lastIndexOf('/'));
  return lines.get(at) ?? 1;
}

function advance(container: Container | undefined): void {
  if (container === undefined) return;
  container.key = container.isArray ? Number(container.key) + 1 : null;
}

function escaped(key: string | number | null): string {
  return String(key).replaceAll('~', '~0').replaceAll('/', '~1');
}
