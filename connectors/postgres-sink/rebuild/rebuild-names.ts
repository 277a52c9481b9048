import { createHash } from 'node:crypto';
import { IDENTIFIER_BYTES_MAX, type TableName } from '../target-table.ts';

/** What is being filled, and what was there before. */
type Suffix = '__rebuild' | '__old';

const DIGEST_CHARACTERS = 8;

/** The name with a suffix; one that would be too long for Postgres is cut, with a digest in place of the rest. */
export function sibling(name: string, suffix: Suffix): string {
  const whole = `${name}${suffix}`;
  if (Buffer.byteLength(whole) <= IDENTIFIER_BYTES_MAX) return whole;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_CHARACTERS);
  const bytesMax = IDENTIFIER_BYTES_MAX - suffix.length - digest.length - 1;
  let kept = '';
  for (const character of name) {
    if (Buffer.byteLength(kept + character) > bytesMax) break;
    kept += character;
  }
  return `${kept}_${digest}${suffix}`;
}

export function siblingTable({ schema, table }: TableName, suffix: Suffix): TableName {
  return { schema, table: sibling(table, suffix) };
}

/** Under which the rebuild of a sink's tables stores its offsets. */
export function rebuildSink(sink: string): string {
  return `${sink}:rebuild`;
}
