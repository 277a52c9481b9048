import type { Client } from 'pg';
import { quotedName } from '../target-table.ts';
import type { LiveTable } from './live-table.ts';
import type { TypeChange } from './new-table.ts';
import { siblingTable } from './rebuild-names.ts';

const LINES = `
  SELECT a.attname AS column, concat_ws(' ', 'column', a.attname, format_type(a.atttypid, a.atttypmod),
    'default ' || pg_get_expr(d.adbin, d.adrelid)) AS line
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL SELECT attname, 'NOT NULL of ' || attname FROM pg_attribute
  WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attnotnull
  UNION ALL SELECT NULL, conname || ' ' || regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '')
  FROM pg_constraint WHERE conrelid = to_regclass($1) AND contype = 'c'`;

/** What the old table has been given since the new one was made like it. */
export async function lackingParts(
  client: Client,
  live: LiveTable,
  changes: readonly TypeChange[],
): Promise<readonly string[]> {
  const read = async (name: string): Promise<readonly { column: string | null; line: string }[]> =>
    (await client.query<{ column: string | null; line: string }>(LINES, [name])).rows;
  const made = new Set(
    (await read(quotedName(siblingTable(live.table, '__rebuild')))).map(({ line }) => line),
  );
  const changed = new Set<string | null>(changes.map(({ column }) => column));
  const old = await read(quotedName(live.table));
  return old.filter(({ column, line }) => !changed.has(column) && !made.has(line)).map(({ line }) => line);
}
