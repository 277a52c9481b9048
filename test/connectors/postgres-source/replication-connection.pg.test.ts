import { PgoutputPlugin } from 'pg-logical-replication';
import { expect, test } from 'vitest';
import { BACKEND } from '../../../connectors/postgres-source/wire/backend-message.ts';
import { parseLsn } from '../../../connectors/postgres-source/place/lsn.ts';
import { PGOUTPUT, PgoutputReader } from '../../../connectors/postgres-source/changes/pgoutput.ts';
import {
  ReplicationConnection,
  STREAM,
  XLOG_HEADER_BYTES,
} from '../../../connectors/postgres-source/wire/replication-connection.ts';
import { CELL, type Tuple } from '../../../connectors/postgres-source/changes/tuple.ts';
import { WireConnection } from '../../../connectors/postgres-source/wire/wire-connection.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { orderFor } from '../../../infra/process/failure.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';

const TIMEOUT_MS = 60_000;

/** A database with a publication of all tables and a slot, and where the slot begins. */
async function withSlot(database: SourceDatabase, tables: string): Promise<bigint> {
  await database.sql(tables);
  await database.sql('CREATE PUBLICATION everything FOR ALL TABLES');
  const rows = await database.sql(
    `SELECT lsn FROM pg_create_logical_replication_slot('${database.name}', 'pgoutput')`,
  );
  return parseLsn(rows[0]?.[0] ?? '');
}

const open = (url: string): Promise<ReplicationConnection> =>
  ReplicationConnection.open({ url, applicationName: 'source-test' }, systemClock);

const request = (database: SourceDatabase, start: bigint) => ({
  slot: database.name,
  publication: 'everything',
  start,
  flushed: () => start,
});

/** The payloads of the stream up to and with the first that `isLast` accepts, each in a buffer of its own. */
async function payloads(
  connection: ReplicationConnection,
  isLast: (payload: Buffer) => boolean,
): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for (;;) {
    const segment = connection.wire.take();
    if (segment === null) {
      await connection.wire.readable();
      continue;
    }
    for (let at = 0; at < segment.length;) {
      const end = at + 1 + segment.readInt32BE(at + 1);
      if (segment[at] === BACKEND.copyData && segment[at + 5] === STREAM.xlogData) {
        found.push(Buffer.from(segment.subarray(at + XLOG_HEADER_BYTES, end)));
        if (isLast(found.at(-1) as Buffer)) return found;
      }
      at = end;
    }
  }
}

test('rows that come in one chunk with the answer to START_REPLICATION are not lost', async () => {
  await using database = await createSourceDatabase();
  const start = await withSlot(database, 'CREATE TABLE t (id int PRIMARY KEY, v text)');
  await database.sql("INSERT INTO t SELECT g, 'row-' || g FROM generate_series(1, 20) g");
  await using relay = await openPostgresRelay(database.url);
  let held: Buffer[] | null = null;
  relay.filterClient = (chunk) => {
    if (chunk.includes('START_REPLICATION')) held = [];
    return chunk;
  };
  relay.filterServer = (chunk) => {
    if (held === null) return chunk;
    held.push(chunk);
    const all = Buffer.concat(held);
    if (!all.includes('row-20')) return null;
    held = null;
    return all;
  };
  await using connection = await open(relay.url);
  connection.start(request(database, start), TIMEOUT_MS);
  await connection.wire.readable();
  const first = connection.wire.take();
  expect(first?.[0]).toBe(BACKEND.copyBoth);
  const inserts = Array.from({ length: 20 }, (_, i) => first?.includes(`row-${i + 1}`));
  expect(inserts).toEqual(Array.from({ length: 20 }, () => true));
});

test('S53 a reader that does not read keeps its connection: status frames go on while the socket is paused', async () => {
  await using database = await createSourceDatabase();
  const start = await withSlot(database, 'CREATE TABLE t (id int, v text)');
  await database.sql("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 50000) g");
  const url = new URL(database.url);
  url.searchParams.set('options', '-c wal_sender_timeout=1000');
  await using connection = await open(url.href);
  connection.start(request(database, start), 1000);
  while (!connection.wire.paused) await new Promise((resolve) => setImmediate(resolve));
  const sender = `FROM pg_stat_replication WHERE application_name = 'source-test'`;
  const heardLong = `EXISTS (SELECT ${sender} AND reply_time - backend_start > interval '3 seconds')`;
  await database.until(`SELECT ${heardLong} OR NOT EXISTS (SELECT ${sender})`);
  expect(await database.sql(`SELECT count(*) ${sender}`)).toEqual([['1']]);
  const last = (payload: Buffer): boolean => payload[0] === PGOUTPUT.commit;
  expect((await payloads(connection, last)).length).toBeGreaterThan(50_000);
});

test('the server says why it does not stream', async () => {
  await using database = await createSourceDatabase();
  await using connection = await open(database.url);
  connection.start(request(database, 0n), TIMEOUT_MS);
  await connection.wire.readable();
  const segment = connection.wire.take();
  expect(segment?.[0]).toBe(BACKEND.error);
  expect(segment?.toString('latin1')).toContain('42704');
});

/** What both decoders must agree on. */
function ours(payload: Buffer): unknown {
  const reader = new PgoutputReader();
  const row = (tuple: Tuple): (string | null | undefined)[] =>
    Array.from({ length: tuple.count }, (_, i) => {
      if (tuple.kinds[i] === CELL.text) return payload.toString('utf8', tuple.starts[i], tuple.ends[i]);
      return tuple.kinds[i] === CELL.null ? null : undefined;
    });
  switch (reader.read(payload, 0)) {
    case PGOUTPUT.begin:
      return { tag: 'begin', lsn: reader.finalLsn, xid: reader.xid };
    case PGOUTPUT.commit:
      return { tag: 'commit', lsn: reader.finalLsn, end: reader.endLsn, time: reader.commitTs };
    case PGOUTPUT.insert:
      return { tag: 'insert', new: row(reader.newTuple) };
    case PGOUTPUT.update:
      return {
        tag: 'update',
        new: row(reader.newTuple),
        old: reader.oldRow === 'full' ? row(reader.oldTuple) : null,
      };
    case PGOUTPUT.delete:
      return { tag: 'delete', old: reader.oldRow === 'full' ? row(reader.oldTuple) : null };
    case PGOUTPUT.relation:
      return {
        tag: 'relation',
        name: reader.relation?.table,
        columns: reader.relation?.columns.map((c) => c.name),
      };
    case PGOUTPUT.truncate:
      return { tag: 'truncate', count: reader.truncated.length };
    case PGOUTPUT.message:
      return { tag: 'message', transactional: reader.transactional };
    default:
      return { tag: 'other' };
  }
}

function theirs(plugin: PgoutputPlugin, payload: Buffer): unknown {
  const message = plugin.parse(payload);
  const row = (values: object | null): unknown[] | null => (values === null ? null : Object.values(values));
  switch (message.tag) {
    case 'begin':
      return { tag: 'begin', lsn: parseLsn(message.commitLsn ?? '0/0'), xid: message.xid };
    case 'commit': {
      const [lsn, end] = [message.commitLsn, message.commitEndLsn].map((text) => parseLsn(text ?? '0/0'));
      return { tag: 'commit', lsn, end, time: BigInt(message.commitTime.toString()) };
    }
    case 'insert':
      return { tag: 'insert', new: row(message.new) };
    case 'update':
      return { tag: 'update', new: row(message.new), old: row(message.old) };
    case 'delete':
      return { tag: 'delete', old: row(message.old) };
    case 'relation':
      return { tag: 'relation', name: message.name, columns: message.columns.map((c) => c.name) };
    case 'truncate':
      return { tag: 'truncate', count: message.relations.length };
    case 'message':
      return { tag: 'message', transactional: message.transactional };
    case 'origin':
    case 'type':
      return { tag: 'other' };
  }
}

test('an independent decoder reads the same from the stream', async () => {
  await using database = await createSourceDatabase();
  const start = await withSlot(
    database,
    `CREATE DOMAIN label AS text;
     CREATE TABLE t (id text PRIMARY KEY, a text, b label, "c c" text);
     CREATE TABLE f (id text PRIMARY KEY, a text); ALTER TABLE f REPLICA IDENTITY FULL`,
  );
  await database.sql(`
    BEGIN;
    INSERT INTO t SELECT g::text, repeat(g::text, g), NULL, 'Grüße' FROM generate_series(1, 300) g;
    UPDATE t SET "c c" = NULL WHERE length(id) = 1; UPDATE t SET id = 'x' || id WHERE id < '2';
    DELETE FROM t WHERE id > '3';
    INSERT INTO f VALUES ('1', 'a'), ('2', NULL); UPDATE f SET a = 'b'; DELETE FROM f;
    SELECT pg_logical_emit_message(true, 'some', 'thing');
    TRUNCATE t, f;
    COMMIT`);
  await using connection = await open(database.url);
  connection.start(request(database, start), TIMEOUT_MS);
  const frames = await payloads(connection, (payload) => payload[0] === PGOUTPUT.commit);
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: ['everything'] });
  expect(frames.map((frame) => ours(frame))).toEqual(frames.map((frame) => theirs(plugin, frame)));
  expect(frames.length).toBeGreaterThan(600);
});

test('S51 a query on a line that is dead half-open ends, and may be tried again', async () => {
  await using database = await createSourceDatabase();
  await using relay = await openPostgresRelay(database.url);
  await using sql = await WireConnection.open({
    url: relay.url,
    replication: false,
    applicationName: 'source-test',
  });
  sql.queryMaxMs = 300;
  expect(await sql.query('SELECT 1::int AS one')).toEqual([{ one: 1 }]);
  relay.deaden();
  const error: unknown = await sql.query('SELECT 1').catch((reason: unknown) => reason);
  expect(orderFor(error)).toBe('retry');
});

test('a session that is given up hands over nothing of what arrives behind the gap', async () => {
  await using database = await createSourceDatabase();
  const options = { url: database.url, replication: false, applicationName: 'source-test' };
  await using wire = await WireConnection.open(options);
  const later = Promise.withResolvers<void>();
  let givenUp = false;
  wire.takeOver(() => givenUp && later.resolve());
  wire.ask("SELECT repeat('x', 1000) FROM generate_series(1, 20000)");
  await wire.readable();
  wire.abort(new Error('given up'));
  givenUp = true;
  await later.promise;
  expect(() => wire.take()).toThrow('given up');
});
