import { identifier, literal, qualified } from './wire/sql-text.ts';

/** The role that a source logs in as, and what it shall read. */
export interface SourceRole {
  /** Name of the Postgres role. */
  readonly user: string;
  /** `schema.table`, at least one. */
  readonly tables: readonly string[];
  readonly publicationName: string;
  readonly slotName: string;
}

/**
 * SQL that gives a role what the source needs and nothing more, to be run in the source database by its owner or a
 * superuser. It may be run again: what is there stays, new tables are added.
 *
 * LOGIN and REPLICATION open the stream and make the slot; CONNECT, USAGE and SELECT are for snapshots. Watermarks and
 * probes are logical messages, which every role may write; the catalogs and views that are asked are open to all.
 */
export function sourceRoleSql(role: SourceRole): string {
  const user = identifier(role.user);
  return `${[
    `-- What the source of slot ${role.slotName} needs. Run it in the source database; run it again after a change.`,
    createRole(role),
    `ALTER ROLE ${user} LOGIN REPLICATION;`,
    `-- It has no password yet: \\password ${role.user}, or ALTER ROLE ${user} PASSWORD ...`,
    grantConnect(role),
    ...schemasOf(role.tables).map((schema) => `GRANT USAGE ON SCHEMA ${identifier(schema)} TO ${user};`),
    ...role.tables.map((table) => `GRANT SELECT ON ${tableIdentifier(table)} TO ${user};`),
    publicationSql(role),
    `-- The slot ${role.slotName} is made by the source itself, when it reads the tables for the first time: a slot\n-- that exists without a position in Kafka is refused.`,
  ].join('\n')}\n`;
}

/** SQL that takes away everything the source has left in the source database. The source must be stopped. */
export function dropSourceSql(role: Omit<SourceRole, 'tables'>): string {
  const user = identifier(role.user);
  return `${[
    `-- Removes slot, publication and role. Stop the source first; WAL is kept for its slot until then.`,
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ${literal(role.slotName)};`,
    `DROP PUBLICATION IF EXISTS ${identifier(role.publicationName)};`,
    `DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(role.user)}) THEN
    DROP OWNED BY ${user};
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM %I', current_database(), ${literal(role.user)});
    DROP ROLE ${user};
  END IF;
END $$;`,
  ].join('\n')}\n`;
}

function createRole({ user }: SourceRole): string {
  return `DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(user)}) THEN
    CREATE ROLE ${identifier(user)};
  END IF;
END $$;`;
}

/** GRANT takes no expression for the database's name. */
function grantConnect({ user }: SourceRole): string {
  return `DO $$ BEGIN
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), ${literal(user)});
END $$;`;
}

function publicationSql({ publicationName, tables }: SourceRole): string {
  const publication = identifier(publicationName);
  const add = tables.map(
    (table) => `  IF NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
    WHERE pubname = ${literal(publicationName)} AND prrelid = ${literal(tableIdentifier(table))}::regclass) THEN
    ALTER PUBLICATION ${publication} ADD TABLE ${tableIdentifier(table)};
  END IF;`,
  );
  return `DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = ${literal(publicationName)}) THEN
    CREATE PUBLICATION ${publication} WITH (publish_via_partition_root = true);
  END IF;
${add.join('\n')}
END $$;`;
}

function schemasOf(tables: readonly string[]): string[] {
  return [...new Set(tables.map((table) => table.split('.', 1)[0] ?? ''))];
}

function tableIdentifier(name: string): string {
  const [schema = '', table = ''] = name.split('.', 2);
  return qualified(schema, table);
}
