import { type Client, escapeIdentifier, escapeLiteral } from 'pg';
import { Failure } from '../../../infra/process/failure.ts';
import { CAN_READ_PROGRESS, IS_OF_TABLE } from '../progress-view.ts';
import { isWithheld, roleOf } from '../table-access.ts';
import { type TableName, plainName, quotedName } from '../target-table.ts';

export interface CatalogColumn {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly comment: string | null;
}

/** A table of the target as its catalog describes it. */
export interface CatalogTable {
  readonly name: TableName;
  readonly comment: string | null;
  readonly columns: readonly CatalogColumn[];
  /** Columns of the primary key, in its order. */
  readonly key: readonly string[];
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly not_null: boolean;
  readonly comment: string | null;
  readonly table_comment: string | null;
  readonly key_place: number | null;
}

const COLUMNS = `
  SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
    col_description(a.attrelid, a.attnum) AS comment, obj_description(a.attrelid, 'pg_class') AS table_comment,
    array_position(i.indkey::int2[], a.attnum) AS key_place
  FROM pg_catalog.pg_attribute a
  LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
  WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;

/** @throws Failure `export.no_table`, `export.grant_missing` (stop) */
export async function readTable(client: Client, name: TableName): Promise<CatalogTable> {
  const { rows } = await client.query<ColumnRow>(COLUMNS, [quotedName(name)]).catch((error: unknown) => {
    if (isWithheld(error)) throw schemaClosed(client, name, error);
    throw error;
  });
  if (rows.length === 0)
    throw new Failure('export.no_table', 'stop', `the target has no table ${plainName(name)}`, {
      fix: 'name it as schema.table, in the case that the catalog has; the sink makes it with its first record',
    });
  const key = rows
    .filter((row) => row.key_place !== null)
    .toSorted((a, b) => Number(a.key_place) - Number(b.key_place));
  return {
    name,
    comment: rows[0]?.table_comment ?? null,
    columns: rows.map((row) => ({
      name: row.name,
      type: row.type,
      notNull: row.not_null,
      comment: row.comment,
    })),
    key: key.map((row) => row.name),
  };
}

function schemaClosed(client: Client, { schema }: TableName, cause: Error): Failure {
  return new Failure('export.grant_missing', 'stop', `the role may not use schema ${schema}`, {
    cause,
    fix: `GRANT USAGE ON SCHEMA ${escapeIdentifier(schema)} TO ${roleOf(client)}`,
  });
}

/** The time of a row's change in the source, which a sink with meta columns fills. */
const TIME_COLUMN = '__commit_ts';
const TIMESTAMP = /^timestamp/;

/** SQL of the time that a table is up to date to. */
export type Freshness = { readonly loaded_at_field: string } | { readonly loaded_at_query: string };

/**
 * Progress over a column: a table that nothing changes is up to date all the same.
 * @returns undefined where nothing in the target tells
 */
export async function freshnessOf(client: Client, table: CatalogTable): Promise<Freshness | undefined> {
  const view = await viewWithProgress(client, table.name);
  if (view !== undefined)
    return {
      loaded_at_query: `select min(applied_at) from millrace.progress where view = ${escapeLiteral(view)}`,
    };
  const column = table.columns.find(({ name, type }) => name === TIME_COLUMN && TIMESTAMP.test(type));
  return column === undefined ? undefined : { loaded_at_field: escapeIdentifier(column.name) };
}

/** The table's name in `millrace.progress`; undefined where that tells nothing of it. */
async function viewWithProgress(client: Client, name: TableName): Promise<string | undefined> {
  const known = await client.query<{ found: boolean }>(`SELECT ${CAN_READ_PROGRESS} AS found`);
  if (known.rows[0]?.found !== true) return undefined;
  const { rows } = await client.query<{ view: string }>(
    `SELECT view FROM millrace.progress WHERE ${IS_OF_TABLE} AND applied_at IS NOT NULL LIMIT 1`,
    [quotedName(name)],
  );
  return rows[0]?.view;
}
