const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = [0x7b, 0x5b];
const CLOSE = [0x7d, 0x5d];

/**
 * The bytes of a member of the outermost object, as they were written: a number of any size stays exact, which it does
 * not through `JSON.parse`. `json` must be a valid JSON object. The last of several members of that name counts, as in
 * `JSON.parse`. Null where there is none.
 */
export function memberBytes(json: Buffer, name: string): Buffer | null {
  let found: Buffer | null = null;
  let depth = 0;
  let itemStart = 0;
  let member: string | null = null;
  const endItem = (at: number): void => {
    if (depth === 1 && member === name) found = trimmed(json, itemStart, at);
  };
  for (let at = 0; at < json.length; at++) {
    const byte = json[at] as number;
    if (byte === QUOTE) at = stringEnd(json, at);
    else if (OPEN.includes(byte)) {
      depth++;
      if (depth === 1) itemStart = at + 1;
    } else if (CLOSE.includes(byte)) {
      endItem(at);
      depth--;
    } else if (depth === 1 && byte === COLON) {
      member = JSON.parse(json.toString('utf8', itemStart, at)) as string;
      itemStart = at + 1;
    } else if (depth === 1 && byte === COMMA) {
      endItem(at);
      itemStart = at + 1;
    }
  }
  return found;
}

/** The place of the quote that ends the string which begins at `at`. */
function stringEnd(json: Buffer, at: number): number {
  let end = at + 1;
  while (end < json.length && json[end] !== QUOTE) end += json[end] === BACKSLASH ? 2 : 1;
  return end;
}

function trimmed(json: Buffer, start: number, end: number): Buffer {
  return Buffer.from(json.toString('utf8', start, end).trim());
}
