import { type Client, escapeIdentifier, escapeLiteral } from 'pg';
import { Failure, orderFor } from '../../infra/process/failure.ts';
import { definitionFailure, isWithheld } from './table-access.ts';
import { type Column, type TargetTable, plainName, quotedName } from './target-table.ts';
import { isWider } from './widening.ts';

/** Share of a page that inserts fill: the rest lets updates stay on the page (HOT), about 10 % less WAL. */
const FILLFACTOR = 85;

/**
 * Makes the table hold what its topic's schemas ask for: creates it, adds columns (nullable), widens types. Nothing is
 * ever dropped, renamed or narrowed. Runs before the rows that need it, in a transaction of its own; running it again
 * changes nothing. An advisory lock per table lets several sinks run it at once. After an error the session is as before.
 * @throws Failure `sink.incompatible_table`, `sink.no_unique_key`, `sink.ddl_refused`, `sink.grant_missing` (stop)
 */
export async function ensureTable(client: Client, table: TargetTable): Promise<void> {
  await client.query('BEGIN');
  try {
    await follow(client, table);
    await client.query('COMMIT');
  } catch (error) {
    // The session is used further, for other tables; if it is gone, the error says so already.
    await Promise.allSettled([client.query('ROLLBACK')]);
    throw error;
  }
}

async function follow(client: Client, table: TargetTable): Promise<void> {
  const name = quotedName(table.name);
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`millrace ${name}`]);
  await createMissing(client, table);
  const existing = await existingColumns(client, table);
  const changes = columnChanges(existing.columns, table);
  if (changes.length > 0) await change(client, table, `ALTER TABLE ${name} ${changes.join(', ')}`);
  await verifyKey(client, table);
  for (const comment of commentChanges(existing, table)) await change(client, table, comment);
}

/** What Postgres refuses here concerns this table only. @throws Failure `sink.ddl_refused`, `sink.grant_missing` (stop) */
async function change(client: Client, table: TargetTable, sql: string): Promise<void> {
  await client.query(sql).catch((error: unknown) => {
    if (orderFor(error) !== 'stop') throw error;
    if (isWithheld(error)) throw definitionFailure(error, client, table.name, sql);
    throw new Failure(
      'sink.ddl_refused',
      'stop',
      `${plainName(table.name)} cannot follow its topic: ${sql}`,
      {
        cause: error,
        fix: 'run the statement as the owner of the table, after dropping what depends on the column (views), and start the sink again',
      },
    );
  });
}

async function createMissing(client: Client, table: TargetTable): Promise<void> {
  const { schema } = table.name;
  const known = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  // asked first, because IF NOT EXISTS still demands the right to create schemas
  if (known.rowCount === 0)
    await change(client, table, `CREATE SCHEMA IF NOT EXISTS ${escapeIdentifier(schema)}`);
  if (await relationKind(client, table)) return;
  const keys = table.primaryKey.map(escapeIdentifier);
  const parts = [...table.columns.map(columnDefinition), `PRIMARY KEY (${keys.join(', ')})`];
  await change(
    client,
    table,
    `CREATE TABLE ${quotedName(table.name)} (${parts.join(', ')}) WITH (fillfactor = ${FILLFACTOR})`,
  );
}

async function relationKind(client: Client, table: TargetTable): Promise<boolean> {
  const result = await client.query<{ relkind: string }>(
    'SELECT relkind FROM pg_class WHERE oid = to_regclass($1)',
    [quotedName(table.name)],
  );
  const kind = result.rows[0]?.relkind;
  if (kind === undefined || kind === 'r' || kind === 'p') return kind !== undefined;
  throw new Failure(
    'sink.incompatible_table',
    'stop',
    `${plainName(table.name)} exists and is no table (relkind ${kind})`,
    {
      fix: 'map the topic to another name, or move the relation out of the way',
    },
  );
}

function columnDefinition(column: Column): string {
  return `${escapeIdentifier(column.name)} ${column.type.sql}${column.meta?.constraint ?? ''}`;
}

interface ExistingColumn {
  readonly name: string;
  readonly type: string;
  readonly comment: string | null;
  /** NOT NULL without a value that an INSERT without the column would take. */
  readonly isRequired: boolean;
}

interface Existing {
  readonly columns: ReadonlyMap<string, ExistingColumn>;
  readonly comment: string | null;
  /** Nobody else may comment. */
  readonly isOwn: boolean;
}

async function existingColumns(client: Client, table: TargetTable): Promise<Existing> {
  const found = await client.query<ExistingColumn & { tableComment: string | null; isOwn: boolean }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, col_description(attrelid, attnum) AS comment,
       attnotnull AND NOT atthasdef AND attidentity = '' AS "isRequired",
       obj_description(attrelid, 'pg_class') AS "tableComment", pg_has_role(relowner, 'USAGE') AS "isOwn"
     FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
    [quotedName(table.name)],
  );
  return {
    columns: new Map(found.rows.map((row) => [row.name, row])),
    comment: found.rows[0]?.tableComment ?? null,
    isOwn: found.rows[0]?.isOwn ?? true,
  };
}

function columnChanges(existing: ReadonlyMap<string, ExistingColumn>, table: TargetTable): string[] {
  const changes: string[] = [];
  for (const column of table.columns) {
    const wanted = column.type.sql;
    const found = existing.get(column.name);
    if (found === undefined) changes.push(`ADD COLUMN IF NOT EXISTS ${columnDefinition(column)}`);
    else if (isWider(wanted, found.type))
      changes.push(`ALTER COLUMN ${escapeIdentifier(column.name)} TYPE ${wanted}`);
    else if (found.type !== wanted && !isWider(found.type, wanted))
      throw incompatible(table, column, found.type);
  }
  const filled = new Set(table.columns.filter(({ isDropped }) => isDropped !== true).map(({ name }) => name));
  for (const { name, isRequired } of existing.values())
    if (isRequired && !filled.has(name)) changes.push(`ALTER COLUMN ${escapeIdentifier(name)} DROP NOT NULL`);
  return changes;
}

/** A comment that the topic does not have is left as somebody made it, and so are all comments on somebody else's table. */
function commentChanges({ columns, comment, isOwn }: Existing, table: TargetTable): string[] {
  if (!isOwn) return [];
  const name = quotedName(table.name);
  const changes = table.columns
    .filter((column) => column.comment !== undefined && column.comment !== columns.get(column.name)?.comment)
    .map(
      (column) =>
        `COMMENT ON COLUMN ${name}.${escapeIdentifier(column.name)} IS ${escapeLiteral(column.comment ?? '')}`,
    );
  if (table.comment === undefined || table.comment === comment) return changes;
  return [...changes, `COMMENT ON TABLE ${name} IS ${escapeLiteral(table.comment)}`];
}

function incompatible(table: TargetTable, column: Column, found: string): Failure {
  const name = plainName(table.name);
  return new Failure(
    'sink.incompatible_table',
    'stop',
    `column ${column.name} of ${name} is ${found}; the topic's schema asks for ${column.type.sql}`,
    {
      fix:
        `ALTER TABLE ${quotedName(table.name)} ALTER COLUMN ${escapeIdentifier(column.name)} TYPE ${column.type.sql}, ` +
        'or map the topic to a new table',
    },
  );
}

/** ON CONFLICT needs a unique index over exactly the key's columns; a table that somebody else made may lack it. */
async function verifyKey(client: Client, table: TargetTable): Promise<void> {
  const wanted = table.columns.filter((column) => column.key).map((column) => column.name);
  const found = await client.query(
    `SELECT 1 FROM pg_index i
     WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indimmediate AND i.indpred IS NULL
       AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text) FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(n, place)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n
            WHERE k.place <= i.indnkeyatts) = (SELECT array_agg(w ORDER BY w) FROM unnest($2::text[]) AS w)`,
    [quotedName(table.name), wanted],
  );
  if (found.rowCount !== 0) return;
  throw new Failure(
    'sink.no_unique_key',
    'stop',
    `${plainName(table.name)} has no primary key or unique index over (${wanted.join(', ')}), the key of its topic`,
    {
      fix: `ALTER TABLE ${quotedName(table.name)} ADD PRIMARY KEY (${wanted.map(escapeIdentifier).join(', ')})`,
    },
  );
}
