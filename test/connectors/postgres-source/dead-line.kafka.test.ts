import { expect, test } from 'vitest';
import { WireConnection } from '../../../connectors/postgres-source/wire/wire-connection.ts';
import { orderFor } from '../../../infra/process/failure.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';
import { STREAMING, streamTables, told } from './streamed-tables.ts';

const T = 'CREATE TABLE t (id int PRIMARY KEY, v text);';

/** The first byte of the answer to START_REPLICATION. */
const COPY_BOTH = 0x57;

test('S51 a line that goes dead half-open while a session begins is given up', async () => {
  await using database = await createSourceDatabase();
  await using relay = await openPostgresRelay(database.url);
  relay.filterClient = (chunk) => {
    if (chunk.includes('getdatabaseencoding')) relay.deaden();
    return chunk;
  };
  const opening = WireConnection.open({ url: relay.url, replication: false, applicationName: 'source-test' });
  const error: unknown = await opening.catch((reason: unknown) => reason);
  expect(orderFor(error)).toBe('retry');
});

test('S51 a line that went dead without a word is given up and made again', async () => {
  await using tables = await streamTables(T, ['t']);
  const { database } = tables;
  await tables.source().end('SIGTERM');
  await using relay = await openPostgresRelay(database.url);
  const url = new URL(relay.url);
  url.searchParams.set('options', '-c wal_sender_timeout=2000');
  await using source = startSource({ ...database, url: url.href });
  await source.logged(STREAMING);
  relay.silent = true;
  relay.filterServer = () => null;
  relay.filterClient = () => null;
  await database.sql("INSERT INTO t VALUES (1, 'into the void')");
  await source.logged('nothing came from the source database');
  relay.silent = false;
  relay.filterServer = (chunk) => chunk;
  relay.filterClient = (chunk) => chunk;
  expect(told(await tables.settled('t'))).toEqual(['c 1 into the void']);
});

test('S51 a line that goes dead while the catalog is asked does not hold the source for ever', async () => {
  await using tables = await streamTables(T, ['t']);
  const { database } = tables;
  await tables.source().end('SIGTERM');
  await using relay = await openPostgresRelay(database.url);
  const url = new URL(relay.url);
  url.searchParams.set('options', '-c wal_sender_timeout=2000');
  await using source = startSource({ ...database, url: url.href });
  await source.logged(STREAMING);
  let isDead = false;
  relay.filterClient = (chunk) => {
    // A new shape is looked up in the catalog, over the session for plain SQL.
    if (!isDead && chunk.includes('format_type')) {
      isDead = true;
      relay.deaden();
    }
    return chunk;
  };
  await database.sql("ALTER TABLE t ADD COLUMN w int; INSERT INTO t VALUES (1, 'into the void', 2)");
  await source.logged('starting again: nothing came from the source database');
  expect(told(await tables.settled('t'))).toEqual(['c 1 into the void']);
});

test('S51 a line that goes dead between the catalog and the stream does not hold the source for ever', async () => {
  await using tables = await streamTables(T, ['t']);
  const { database } = tables;
  await tables.source().end('SIGTERM');
  await using relay = await openPostgresRelay(database.url);
  let asked = 0;
  let deadAt = 0;
  relay.filterClient = (chunk) => {
    if (chunk.includes('pg_publication_tables') && ++asked === deadAt) relay.deaden();
    return chunk;
  };
  // How often a start asks for the published tables, the last time when all else is known.
  let askedUntilStream = 0;
  relay.filterServer = (chunk) => {
    if (askedUntilStream === 0 && chunk[0] === COPY_BOTH) askedUntilStream = asked;
    return chunk;
  };
  await using healthy = startSource({ ...database, url: relay.url });
  await healthy.logged(STREAMING);
  await healthy.end('SIGTERM');
  expect(askedUntilStream).toBeGreaterThan(1);
  [asked, deadAt] = [0, askedUntilStream];
  await using source = startSource({ ...database, url: relay.url });
  await source.logged('starting again: Query read timeout');
  await database.sql("INSERT INTO t VALUES (1, 'into the void')");
  expect(told(await tables.settled('t'))).toEqual(['c 1 into the void']);
  expect(asked).toBeGreaterThan(deadAt);
}, 90_000);
