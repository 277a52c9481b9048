import { expect, inject } from 'vitest';
import type { Event } from './cdc-topic.ts';
import type { SourceProcess } from './source-process.ts';
import { type StreamedTables, acknowledged } from './streamed-tables.ts';

/** Random hex, which nothing compresses below a page: 9600 bytes. */
export const BIG = `(SELECT string_agg(md5(g::text || random()), '') FROM generate_series(1, 300) g)`;
export const T = 'CREATE TABLE t (id int PRIMARY KEY, n int, small text, big text);';

export const unchangedOf = ({ value }: Event): unknown => value?.['__unchanged'];

/** The topic folded by key, as a new reader of a compacted topic has it, is the table; nothing is missing. */
export async function expectComplete(
  tables: StreamedTables,
  columns: readonly string[] = ['id', 'n', 'small', 'big'],
  table = 't',
): Promise<void> {
  await acknowledged(tables.database);
  const rows = await tables.database.sql(`SELECT ${columns.join(', ')} FROM ${table}`);
  const folded = [...(await tables.view.table(tables.topicOf(table))).values()];
  expect(folded.flatMap((row) => row['__unchanged'] ?? [])).toEqual([]);
  const texts = folded.map((row) => columns.map((column) => String(row[column])).join('|'));
  expect(texts.toSorted()).toEqual(rows.map((row) => row.map(String).join('|')).toSorted());
}

/** Of a superuser's session. */
export function sessionUrl(database: string): string {
  const url = new URL(inject('sourceUrl'));
  url.pathname = `/${database}`;
  return url.href;
}

/** How many records a source has read back when it started; null when it had to read none. */
export function readBack(source: SourceProcess): number | null {
  const line = /"records":(\d+),"msg":"reading back large values"/.exec(source.log());
  return line === null ? null : Number(line[1]);
}
