import type { Client } from 'pg';
import type { TargetType } from './scalar-type.ts';
import { type Column, type TargetTable, quotedName } from './target-table.ts';
import { isWider } from './widening.ts';

/**
 * The table with types that the target has: an enum, a domain or an extension's type only where one of its name is
 * there, else the type to take instead. A column that exists as that one stays so.
 */
export async function withPresentTypes(client: Client, table: TargetTable): Promise<TargetTable> {
  const open = table.columns.filter(({ type }) => type.instead !== undefined);
  if (open.length === 0) return table;
  const result = await client.query<{ name: string; found: string | null; present: boolean }>(
    `SELECT w.name, format_type(a.atttypid, a.atttypmod) AS found, to_regtype(w.type) IS NOT NULL AS present
     FROM unnest($2::text[], $3::text[]) AS w (name, type)
     LEFT JOIN pg_attribute a ON a.attrelid = to_regclass($1) AND a.attname = w.name AND NOT a.attisdropped`,
    [quotedName(table.name), open.map(({ name }) => name), open.map(({ type }) => type.cast ?? type.sql)],
  );
  const known = new Map(result.rows.map((row) => [row.name, row]));
  const settled = (column: Column): Column => {
    const answer = known.get(column.name);
    if (answer === undefined) return column;
    return { ...column, type: settledType(column.type, answer.found, answer.present) };
  };
  return { ...table, columns: table.columns.map(settled) };
}

function settledType(type: TargetType, found: string | null, present: boolean): TargetType {
  const { instead } = type;
  if (instead === undefined) return type;
  if (!present) return instead;
  if (found === null || found === type.sql) return type;
  return found === instead.sql || isWider(found, instead.sql) ? instead : type;
}
