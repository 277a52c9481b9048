import type { Alarm } from './alarm.ts';
import type { PublicationReading, PublishedTableReading } from './publication-reading.ts';

/** What of the publication, its tables and our role will cost changes, or stops the application that writes. */
export function publicationAlarms(publication: PublicationReading): Alarm[] {
  return [
    ...ofRole(publication),
    ...ofOperations(publication),
    ...publication.tables.flatMap((table) => ofTable(table, publication)),
  ];
}

function ofRole({ role, mayReplicate }: PublicationReading): Alarm[] {
  if (mayReplicate) return [];
  return [
    {
      code: 'role.no_replication',
      level: 'error',
      message: `role ${role} has lost REPLICATION: the source cannot connect again`,
      fix: `ALTER ROLE "${role}" REPLICATION`,
    },
  ];
}

function ofOperations({ inserts, updates, deletes }: PublicationReading): Alarm[] {
  const missing = Object.entries({ insert: inserts, update: updates, delete: deletes })
    .filter(([, published]) => !published)
    .map(([operation]) => operation);
  if (missing.length === 0) return [];
  return [
    {
      code: 'publication.operations',
      level: 'warn',
      once: true,
      message: `the publication leaves out ${missing.join(', ')}: topics differ from their tables`,
      fix: "ALTER PUBLICATION ... SET (publish = 'insert, update, delete, truncate')",
    },
  ];
}

function ofTable(table: PublishedTableReading, publication: PublicationReading): Alarm[] {
  const alarms: (Omit<Alarm, 'about'> | null)[] = [
    publication.updates || publication.deletes ? noIdentity(table) : null,
    hiddenKeyChange(table),
    hiddenRows(table, publication.role),
  ];
  return alarms.filter((alarm) => alarm !== null).map((alarm) => ({ ...alarm, about: table.name }));
}

/** Without an identity Postgres refuses the application's own UPDATE and DELETE (55000). */
function noIdentity(table: PublishedTableReading): Omit<Alarm, 'about'> | null {
  const { name, identity, hasPrimaryKey, primaryKeyIsDeferrable, hasIdentityIndex } = table;
  if (identity === 'f' || (identity === 'i' && hasIdentityIndex)) return null;
  if (identity === 'd' && hasPrimaryKey && !primaryKeyIsDeferrable) return null;
  const reason =
    identity === 'n'
      ? 'its REPLICA IDENTITY is NOTHING'
      : identity === 'i'
        ? 'the index of its REPLICA IDENTITY is gone'
        : hasPrimaryKey
          ? 'its primary key is deferrable'
          : 'it has no primary key';
  return {
    code: 'table.no_identity',
    level: 'warn',
    once: true,
    message: `table ${name} is published and has no replica identity (${reason}): Postgres refuses UPDATE and DELETE on it`,
    fix: `add a primary key, or ALTER TABLE ${name} REPLICA IDENTITY USING INDEX ... or FULL`,
  };
}

function hiddenKeyChange(table: PublishedTableReading): Omit<Alarm, 'about'> | null {
  const { name, identity, hasIdentityIndex, hasPrimaryKey, identityIsPrimaryKey } = table;
  if (identity !== 'i' || !hasIdentityIndex || !hasPrimaryKey || identityIsPrimaryKey) return null;
  return {
    code: 'table.pk_change_undetectable',
    level: 'warn',
    once: true,
    message: `table ${name} is identified by an index that is not its primary key: the WAL does not say when a primary key changes`,
    fix: `ALTER TABLE ${name} REPLICA IDENTITY DEFAULT, or never change primary keys there`,
  };
}

function hiddenRows(table: PublishedTableReading, role: string): Omit<Alarm, 'about'> | null {
  const { name, readable, rowSecurity } = table;
  if (!readable)
    return {
      code: 'table.unreadable',
      level: 'warn',
      message: `role ${role} may not SELECT from ${name}: changes are read, a snapshot is not possible`,
      fix: `GRANT SELECT ON ${name} TO "${role}", and USAGE on its schema`,
    };
  if (!rowSecurity) return null;
  return {
    code: 'table.row_security',
    level: 'warn',
    message: `row-level security hides rows of ${name} from role ${role}: changes are read, a snapshot is not possible`,
    fix: `ALTER ROLE "${role}" BYPASSRLS`,
  };
}
