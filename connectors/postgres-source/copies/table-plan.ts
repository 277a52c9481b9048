import { must } from '../../../infra/process/assert.ts';
import type { Catalog, PublishedTable } from '../shapes/catalog.ts';
import { conditionsSql, shapeSql, tableSql } from './chunk-reader.ts';
import type { TableCopy } from './copy-state.ts';
import type { Relation } from '../changes/relation.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import type { SchemaBook } from '../shapes/schema-book.ts';
import { identifier } from '../wire/sql-text.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

/** How a table is read in chunks, as it is now. */
export interface TablePlan {
  readonly table: PublishedTable;
  readonly relation: Relation;
  /** The columns, as the server tells them in one text. */
  readonly shape: string;
  readonly only: boolean;
  readonly lockable: boolean;
  /** Places of the key columns, in the order of the key; empty for a table that cannot be read in chunks. */
  readonly keyPlaces: readonly number[];
  readonly key: readonly string[];
  /** Gives the bytes of a row's key; nothing that it makes is published. */
  readonly keyEncoder: RowEncoder;
}

/** Everything is asked anew: the publication lists the columns too. */
export async function planTable(
  sql: WireConnection,
  catalog: Catalog,
  book: SchemaBook,
  publication: string,
  oid: number,
): Promise<TablePlan> {
  // Asked first: if the columns change before the rest is read, a chunk will find others than these.
  const [row] = await sql.query<{ kind: string; shape: string; lockable: boolean }>(
    `SELECT relkind::text AS kind, has_table_privilege(oid, 'SELECT') AS lockable, ${shapeSql(oid)} AS shape
     FROM pg_class WHERE oid = $1::int8::oid`,
    [oid],
  );
  const { kind, shape, lockable } = must(row, `table ${oid} is gone`);
  const published = await catalog.publishedTables(publication);
  const table = must(
    published.find((candidate) => candidate.oid === oid),
    `table ${oid} is not published`,
  );
  const relation = await catalog.relation(table);
  const details = await catalog.details(relation);
  const keyEncoder = book.keyEncoder(relation, details);
  const { schema } = keyEncoder;
  return {
    table,
    relation,
    shape,
    only: kind === 'r',
    lockable,
    keyPlaces: schema.ownKey,
    key: schema.ownKey.map((place) => must(relation.columns[place], 'a key column').name),
    keyEncoder,
  };
}

/** The last key that a copy has to reach, null when there is nothing to copy. */
export async function lastKey(
  sql: WireConnection,
  plan: TablePlan,
  copy: TableCopy,
): Promise<readonly string[] | null> {
  const texts = plan.key.map((name) => `${identifier(name)}::text`).join(', ');
  const order = plan.key.map((name) => `${identifier(name)} DESC`).join(', ');
  const where = conditionsSql([plan.table.filter, copy.where]);
  const [row] = await sql.query<{ key: readonly string[] }>(
    `SELECT ARRAY[${texts}] AS key FROM ${tableSql(plan.table, plan.only)}${where} ORDER BY ${order} LIMIT 1`,
  );
  return row?.key ?? null;
}
