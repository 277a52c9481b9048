import { type Client, escapeIdentifier, escapeLiteral } from 'pg';
import { Failure } from '../../../infra/process/failure.ts';
import { type TargetTable, plainName, quotedName } from '../target-table.ts';
import { isWider } from '../widening.ts';
import {
  type CarriedIndex,
  type CarriedParts,
  type CarriedTrigger,
  indexFor,
  triggerFor,
} from './carried-parts.ts';
import type { LiveTable } from './live-table.ts';
import { sibling, siblingTable } from './rebuild-names.ts';
import { storeBegun } from './rebuild-table.ts';

export interface TypeChange {
  readonly column: string;
  readonly from: string;
  readonly to: string;
}

/** Columns that cannot have the old table's type: the topic asks for another one, and neither holds the other's values. */
export function typeChanges(parts: CarriedParts, wanted: TargetTable): readonly TypeChange[] {
  const types = new Map(wanted.columns.map((column) => [column.name, column.type.sql]));
  return parts.columns.flatMap(({ name, type }) => {
    const to = types.get(name);
    if (to === undefined || to === type || isWider(to, type) || isWider(type, to)) return [];
    return [{ column: name, from: type, to }];
  });
}

/** The unique index over the topic's key, which the rows are written by: the old table's, or else a primary key. */
export function keyIndex(parts: CarriedParts, wanted: TargetTable): CarriedIndex {
  const key = wanted.columns.filter((column) => column.key).map(({ name }) => name);
  const sorted = key.toSorted();
  const found = parts.indexes.find(
    ({ keyColumns }) =>
      keyColumns !== null &&
      keyColumns.length === key.length &&
      keyColumns.every((name, i) => name === sorted[i]),
  );
  return (
    found ?? {
      name: `${wanted.name.table}_pkey`,
      constraint: `PRIMARY KEY (${wanted.primaryKey.map(escapeIdentifier).join(', ')})`,
      head: '',
      definition: '',
      keyColumns: sorted,
      isPrimary: true,
      comment: null,
    }
  );
}

/** What the new table gets: a table has one primary key, and a new one is that of the topic. */
export function newIndexes(parts: CarriedParts, wanted: TargetTable): readonly CarriedIndex[] {
  const key = keyIndex(parts, wanted);
  const others = parts.indexes.filter((index) => index !== key && !(key.isPrimary && index.isPrimary));
  return [key, ...others];
}

const STORAGE = `
  SELECT CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END AS persistence,
    (SELECT format('USING %I', amname) FROM pg_am WHERE oid = c.relam) AS method,
    (SELECT 'WITH (' || string_agg(format('%s=%L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ') || ')'
     FROM (SELECT unnest(c.reloptions) UNION ALL SELECT 'toast.' || unnest(x.reloptions) FROM pg_class x WHERE x.oid = c.reltoastrelid) AS r(o)) AS options,
    (SELECT format('TABLESPACE %I', spcname) FROM pg_tablespace WHERE oid = c.reltablespace) AS tablespace
  FROM pg_class c WHERE c.oid = $1`;

interface StorageRow {
  readonly persistence: string;
  readonly method: string | null;
  readonly options: string | null;
  readonly tablespace: string | null;
}

/** What default privileges would give to readers before the rows are complete, and row security would keep from them. */
const DEFAULT_GRANTEES = `
  SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
  FROM pg_class c, aclexplode(c.relacl) AS a WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner`;

/**
 * Makes the empty table that is filled: the old one's columns, in their order, so that what readers have prepared stays
 * valid, with the key's index and the triggers that shape rows. What the topic has besides is added as it is filled.
 * @throws Failure `rebuild.not_carried` (stop)
 */
export async function createNewTable(
  client: Client,
  live: LiveTable,
  parts: CarriedParts,
  wanted: TargetTable,
): Promise<void> {
  const name = quotedName(siblingTable(live.table, '__rebuild'));
  const { rows } = await client.query<StorageRow>(STORAGE, [live.oid]);
  const { persistence = '', method = null, options = null, tablespace = null } = rows[0] ?? {};
  const like = `LIKE ${quotedName(live.table)} INCLUDING ALL EXCLUDING INDEXES`;
  const settings = [method, options, tablespace].filter((part) => part !== null);
  await client.query('BEGIN');
  try {
    await carry(client, live, `CREATE ${persistence}TABLE ${name} (${like}) ${settings.join(' ')}`);
    for (const { column, to } of typeChanges(parts, wanted))
      await carry(
        client,
        live,
        `ALTER TABLE ${name} ALTER COLUMN ${escapeIdentifier(column)} DROP DEFAULT, ALTER COLUMN ${escapeIdentifier(column)} TYPE ${to} USING NULL`,
      );
    for (const column of wanted.columns.filter((candidate) => isMissing(parts, candidate.name)))
      await carry(
        client,
        live,
        `ALTER TABLE ${name} ADD COLUMN ${escapeIdentifier(column.name)} ${column.type.sql}${column.meta?.constraint ?? ''}`,
      );
    await createIndex(client, live, keyIndex(parts, wanted));
    for (const trigger of parts.triggers)
      if (trigger.shapesRows) await createTrigger(client, live, trigger, name);
    const granted = await client.query<{ grantee: string }>(DEFAULT_GRANTEES, [name]);
    for (const { grantee } of granted.rows) await client.query(`REVOKE ALL ON TABLE ${name} FROM ${grantee}`);
    await storeBegun(client, live);
    await client.query('COMMIT');
  } catch (error) {
    await Promise.allSettled([client.query('ROLLBACK')]);
    throw error;
  }
}

function isMissing({ columns }: CarriedParts, name: string): boolean {
  return !columns.some((column) => column.name === name);
}

async function createTrigger(
  client: Client,
  live: LiveTable,
  trigger: CarriedTrigger,
  table: string,
): Promise<void> {
  const definition = triggerFor(trigger, table);
  if (definition === null) throw notCarried(live, `trigger ${trigger.name}`, null);
  await carry(client, live, definition);
  await carry(
    client,
    live,
    `ALTER TABLE ${table} ${trigger.state} TRIGGER ${escapeIdentifier(trigger.name)}`,
  );
}

/** The indexes and foreign keys that the new table still lacks. Each is a statement of its own, so that a rebuild that is interrupted goes on. */
export async function completeNewTable(
  client: Client,
  live: LiveTable,
  parts: CarriedParts,
  wanted: TargetTable,
  say: (line: string) => void,
): Promise<void> {
  const table = quotedName(siblingTable(live.table, '__rebuild'));
  for (const index of newIndexes(parts, wanted)) {
    if (await hasIndex(client, live, index)) continue;
    say(`building index ${index.name}`);
    await createIndex(client, live, index);
  }
  for (const { name, definition, isValidated } of parts.foreignKeys) {
    const { rows } = await client.query<{ convalidated: boolean }>(
      'SELECT convalidated FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2',
      [table, name],
    );
    const constraint = escapeIdentifier(name);
    if (rows.length === 0)
      await carry(client, live, `ALTER TABLE ${table} ADD CONSTRAINT ${constraint} ${definition} NOT VALID`);
    if (isValidated && rows[0]?.convalidated !== true) {
      say(`checking foreign key ${name}`);
      await carry(client, live, `ALTER TABLE ${table} VALIDATE CONSTRAINT ${constraint}`);
    }
  }
}

async function hasIndex(client: Client, live: LiveTable, { name }: CarriedIndex): Promise<boolean> {
  const { schema } = live.table;
  const found = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
    quotedName({ schema, table: sibling(name, '__rebuild') }),
  ]);
  return found.rows[0]?.found === true;
}

async function createIndex(client: Client, live: LiveTable, index: CarriedIndex): Promise<void> {
  const name = sibling(index.name, '__rebuild');
  const table = quotedName(siblingTable(live.table, '__rebuild'));
  const sql =
    index.constraint === null
      ? indexFor(index, escapeIdentifier(name), table)
      : `ALTER TABLE ${table} ADD CONSTRAINT ${escapeIdentifier(name)} ${index.constraint}`;
  if (sql === null) throw notCarried(live, `index ${index.name}`, null);
  await carry(client, live, sql);
  if (index.comment === null) return;
  const quoted = quotedName({ schema: live.table.schema, table: name });
  await client.query(`COMMENT ON INDEX ${quoted} IS ${escapeLiteral(index.comment)}`);
}

/** An error that another try can mend is left as it is. */
export async function carry(client: Client, live: LiveTable, sql: string): Promise<void> {
  await client.query(sql).catch((error: unknown) => {
    if (!isRefused(error)) throw error;
    throw notCarried(live, sql, error);
  });
}

/** SQLSTATEs of statements that are wrong, forbidden or refused: what a constraint or the catalog says. */
function isRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(0A|2[238B]|42)/.test(String(error.code));
}

function notCarried(live: LiveTable, what: string, cause: unknown): Failure {
  return new Failure(
    'rebuild.not_carried',
    'stop',
    `the new table of ${plainName(live.table)} cannot have what the old one has: ${what}`,
    {
      ...(cause === null ? {} : { cause }),
      fix: 'drop it from the table, or mend it, then run the same command again; --abort gives the rebuild up',
    },
  );
}
