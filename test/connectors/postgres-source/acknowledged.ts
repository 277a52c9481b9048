import type { SourceDatabase } from './source-database.ts';

/** Resolves when the slot has acknowledged everything that is committed now. */
export async function acknowledged(database: SourceDatabase): Promise<void> {
  const [[lsn = ''] = []] = await database.sql('SELECT pg_current_wal_lsn()');
  await database.until(
    `SELECT confirmed_flush_lsn >= '${lsn}' FROM pg_replication_slots WHERE slot_name = '${database.name}'`,
  );
}
