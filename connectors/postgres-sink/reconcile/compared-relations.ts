import { escapeIdentifier } from 'pg';
import { Failure } from '../../../infra/process/failure.ts';
import { type TableName, plainName, quotedName } from '../target-table.ts';
import { type ColumnType, type TextOf, canonicalText, isReadable, plainText } from './canonical-text.ts';
import type { ReadResult, ReadSession } from './read-session.ts';

/** Rows that a sink with soft deletes keeps have this column true; they stand for no row of the query. */
const DELETED_COLUMN = '__deleted';

export interface ComparedColumn {
  readonly name: string;
  readonly key: boolean;
  /** Column type, for parameters. */
  readonly sql: string;
  /** Equal values have equal texts on both sides. */
  readonly text: TextOf;
  /** What a person is shown of a value. */
  readonly shown: TextOf;
}

/** One side of the comparison. */
export interface ComparedRelation {
  /** What stands behind FROM; its alias is `q`. */
  readonly from: string;
  readonly columns: readonly ComparedColumn[];
  readonly keys: readonly ComparedColumn[];
}

export interface Comparison {
  readonly source: ComparedRelation;
  readonly target: ComparedRelation;
  /** Columns of the target that the query does not give. */
  readonly notCompared: readonly string[];
}

type Types = ReadonlyMap<string, ColumnType>;

/**
 * What is to be compared, from the columns of both sides: the query's, by name. Both sessions are inside a transaction.
 * @param sql the query over the source
 * @param keyNames null for the primary key of the target
 * @throws Failure `reconcile.no_table`, `reconcile.no_key`, `reconcile.columns` (stop)
 */
export async function describeComparison(
  source: ReadSession,
  target: ReadSession,
  view: TableName,
  sql: string,
  keyNames: readonly string[] | null,
): Promise<Comparison> {
  const from = `(\n${sql.trim().replace(/(;\s*)+$/, '')}\n) AS q`;
  await verifyTable(target, view);
  const [theirs, ours] = await Promise.all([
    typesOf(source, from, 'the query'),
    typesOf(target, `${quotedName(view)} AS q`, plainName(view)),
  ]);
  const keys = keyNames ?? (await primaryKey(target, view));
  verifyColumns(view, [...theirs.keys()], ours, keys);
  const notCompared = [...ours.keys()].filter((name) => !theirs.has(name));
  const condition =
    notCompared.includes(DELETED_COLUMN) && ours.get(DELETED_COLUMN)?.name === 'bool'
      ? `(SELECT * FROM ${quotedName(view)} WHERE ${escapeIdentifier(DELETED_COLUMN)} IS NOT TRUE) AS q`
      : `${quotedName(view)} AS q`;
  return {
    source: relation(from, theirs, ours, [...theirs.keys()], keys),
    target: relation(condition, ours, theirs, [...theirs.keys()], keys),
    notCompared,
  };
}

function relation(
  from: string,
  own: Types,
  other: Types,
  names: readonly string[],
  keyNames: readonly string[],
): ComparedRelation {
  const columns = names.flatMap((name): ComparedColumn[] => {
    const [type, twin] = [own.get(name), other.get(name)];
    if (type === undefined || twin === undefined) return [];
    const text = canonicalText(type, twin);
    const shown = isReadable(type) && isReadable(twin) ? text : plainText;
    return [{ name, key: keyNames.includes(name), sql: type.sql, text, shown }];
  });
  const keys = keyNames.flatMap((name) => columns.filter((column) => column.name === name));
  return { from, columns, keys };
}

async function typesOf(session: ReadSession, from: string, what: string): Promise<Types> {
  const { columns } = await session.query(`SELECT * FROM ${from} LIMIT 0`);
  const names = columns.map((column) => column.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw columnsFailure(
      `${what} gives two columns named ${twice}`,
      'give one of them another name, with AS',
    );
  const oids = [...new Set(columns.map((column) => column.typeOid))];
  const { rows } = await session.query(
    `SELECT oid, typname, format_type(oid, NULL), typcategory FROM pg_catalog.pg_type WHERE oid = ANY($1::oid[])`,
    [oids.map(String)],
  );
  const types = new Map(
    rows.map(([oid, name, sql, category]) => [
      Number(oid),
      { name: String(name), sql: String(sql), category: String(category) },
    ]),
  );
  return new Map(
    columns.flatMap(({ name, typeOid }) => {
      const type = types.get(typeOid);
      return type === undefined ? [] : [[name, type]];
    }),
  );
}

async function verifyTable(target: ReadSession, view: TableName): Promise<void> {
  const { rows } = await target.query('SELECT to_regclass($1)', [quotedName(view)]);
  if (rows[0]?.[0] !== null) return;
  throw new Failure('reconcile.no_table', 'stop', `the target has no table ${plainName(view)}`, {
    fix: 'name it as schema.table, in the case that the catalog has',
  });
}

async function primaryKey(target: ReadSession, view: TableName): Promise<readonly string[]> {
  const { rows }: ReadResult = await target.query(
    `SELECT a.attname FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place), pg_attribute a
     WHERE i.indrelid = to_regclass($1) AND i.indisprimary AND k.place <= i.indnkeyatts
       AND a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.place`,
    [quotedName(view)],
  );
  if (rows.length > 0) return rows.map(([name]) => String(name));
  throw new Failure('reconcile.no_key', 'stop', `${plainName(view)} has no primary key`, {
    fix: 'name the columns that tell its rows apart: --key a,b',
  });
}

function verifyColumns(
  view: TableName,
  names: readonly string[],
  ours: Types,
  keys: readonly string[],
): void {
  const unknown = names.filter((name) => !ours.has(name));
  if (unknown.length > 0)
    throw columnsFailure(
      `${plainName(view)} has no column ${unknown.join(', ')}, which the query gives`,
      'leave them out of the query, or name them as the table does, with AS',
    );
  const keyless = keys.filter((name) => !names.includes(name));
  if (keyless.length > 0)
    throw columnsFailure(
      `the query does not give ${keyless.join(', ')}, of the key (${keys.join(', ')}) of ${plainName(view)}`,
      'add the key to the query, or name another one with --key',
    );
}

function columnsFailure(message: string, fix: string): Failure {
  return new Failure('reconcile.columns', 'stop', message, { fix });
}
