import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type OwnPostgres, startOwnPair } from '../../support/own-postgres.ts';
import { KafkaView } from './cdc-topic.ts';
import { type PostgresRelay, openPostgresRelay } from './postgres-relay.ts';
import { SWITCH, type SourceProcess, startSource } from './source-process.ts';
import { STREAMING, told } from './streamed-tables.ts';

const START_MAX_MS = 120_000;
/** Slots are synchronised to standbys since Postgres 17; since 16 a standby can have slots of its own. */
const HAS_FAILOVER = inject('sourceMajor') >= 17;

let pair: Awaited<ReturnType<typeof startOwnPair>>;
let primary: OwnPostgres;
let standby: OwnPostgres;

beforeAll(async () => {
  const keep = HAS_FAILOVER ? { sync_replication_slots: 'on', synchronized_standby_slots: '' } : {};
  // What the standby does not have yet is not read either.
  const wait = HAS_FAILOVER ? { synchronized_standby_slots: 'standby' } : {};
  pair = await startOwnPair(wait, { hot_standby_feedback: 'on', ...keep });
  ({ primary, standby } = pair);
}, START_MAX_MS);

afterAll(() => pair?.[Symbol.asyncDispose]());

/** A database with its table; slot and topic prefix have its name. */
interface Place {
  readonly name: string;
  readonly topic: string;
  /** The URL on one of the servers. */
  readonly at: (server: OwnPostgres) => { readonly name: string; readonly url: string };
  readonly insert: (server: OwnPostgres, id: number, value: string) => Promise<unknown>;
}

async function makePlace(): Promise<Place> {
  const name = `source_${randomBytes(5).toString('hex')}`;
  await primary.sql(`CREATE DATABASE ${name}`);
  await primary.sql('CREATE TABLE t (id int PRIMARY KEY, v text)', name);
  await primary.sql('CREATE PUBLICATION millrace FOR TABLE t', name);
  return {
    name,
    topic: `${name}.public.t`,
    at: ({ port }) => ({ name, url: `postgresql://postgres@127.0.0.1:${port}/${name}` }),
    insert: (server, id, value) => server.sql(`INSERT INTO t VALUES (${id}, '${value}')`, name),
  };
}

/** The slot on `server` has acknowledged what the primary has written until now. */
async function reached(server: OwnPostgres, { name }: Place, more = ''): Promise<void> {
  const [row] = await primary.sql('SELECT pg_current_wal_lsn()::text AS lsn');
  await server.until(
    `SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '${name}' AND confirmed_flush_lsn >= '${String(row?.['lsn'])}' ${more})`,
  );
}

test('S82 a standby is not read: its address is refused, with what to do', async () => {
  const place = await makePlace();
  await standby.until(`SELECT EXISTS (SELECT FROM pg_database WHERE datname = '${place.name}')`);
  await using source = startSource(place.at(standby));
  expect(await source.exited).toBe(1);
  expect(source.log()).toContain('source.standby');
  expect(source.log()).toContain('give the address of the primary');
});

test.runIf(HAS_FAILOVER)(
  'S60 a slot that exists is kept on the standbys from the next start on (Postgres 17)',
  async () => {
    const place = await makePlace();
    const failover = async (): Promise<unknown> =>
      (await primary.sql(`SELECT failover FROM pg_replication_slots WHERE slot_name = '${place.name}'`))[0]?.[
        'failover'
      ];
    await using first = startSource(place.at(primary));
    await first.logged(STREAMING);
    expect(await failover()).toBe(false);
    expect(await first.end('SIGTERM')).toBe(0);
    await using second = startSource(place.at(primary), { 'slot-failover': SWITCH });
    await second.logged(STREAMING);
    expect(await failover()).toBe(true);
    expect(await second.end('SIGTERM')).toBe(0);
  },
);

interface Kept extends AsyncDisposable {
  readonly place: Place;
  readonly relay: PostgresRelay;
  readonly source: SourceProcess;
}

/** A source whose slot is kept on the standby too, and whose connections can be led there. */
async function startKept(): Promise<Kept> {
  const place = await makePlace();
  const relay = await openPostgresRelay(place.at(primary).url);
  const source = startSource({ name: place.name, url: relay.url }, { 'slot-failover': SWITCH });
  await source.logged(STREAMING);
  await place.insert(primary, 1, 'on the primary');
  await primary.sql('SELECT pg_log_standby_snapshot()');
  await reached(standby, place, 'AND synced AND NOT temporary');
  return { place, relay, source, [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose]() };
}

/** A place that was read up to now, whose source has ended. */
async function readUntilNow(): Promise<Place> {
  const place = await makePlace();
  await using source = startSource(place.at(primary));
  await source.logged(STREAMING);
  await place.insert(primary, 1, 'on the primary');
  await reached(primary, place);
  expect(await source.end('SIGTERM')).toBe(0);
  return place;
}

/** A slot of the standby's own under the name of that on the primary, as tools keep them. */
async function makeOwnSlot({ name }: Place): Promise<void> {
  const made = standby.sql(`SELECT pg_create_logical_replication_slot('${name}', 'pgoutput')`, name);
  let waiting = true;
  void made.finally(() => {
    waiting = false;
  });
  while (waiting) await primary.sql('SELECT pg_log_standby_snapshot()');
  await made;
}

/** The standby has all that there is, and gets no more. */
async function cutOff(): Promise<void> {
  const [row] = await primary.sql('SELECT pg_current_wal_lsn()::text AS lsn');
  await standby.until(`SELECT pg_last_wal_replay_lsn() >= '${String(row?.['lsn'])}'`);
  await standby.sql("ALTER SYSTEM SET primary_conninfo = ''");
  await standby.sql('SELECT pg_reload_conf()');
  await standby.until('SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)');
}

async function expectRefusal(place: Place, code: string, text: string, flags = {}): Promise<void> {
  await using source = startSource(place.at(standby), flags);
  expect(await source.exited).toBe(1);
  expect(source.log()).toContain(`"code":"source.${code}"`);
  expect(source.log()).toContain(text);
}

test(
  'S60 S56 a promoted standby is gone on with, or refused, by what it has of the slot and Kafka of its WAL',
  async () => {
    await using view = await KafkaView.open();
    await using kept = HAS_FAILOVER ? await startKept() : null;
    const lost = await readUntilNow();
    const vouched = await makePlace();
    if (HAS_FAILOVER) {
      await standby.until(`SELECT EXISTS (SELECT FROM pg_database WHERE datname = '${vouched.name}')`);
      await makeOwnSlot(vouched);
      await using source = startSource(vouched.at(primary));
      await source.logged(STREAMING);
      await vouched.insert(primary, 1, 'on the primary');
      await reached(primary, vouched);
      await source.end('SIGTERM');
    }
    const ahead = await makePlace();
    await using leading = startSource(ahead.at(primary));
    await leading.logged(STREAMING);
    await cutOff();
    await ahead.insert(primary, 1, 'never replicated');
    await kept?.place.insert(primary, 2, 'never replicated');
    await view.eventsOnce(ahead.topic, 1);
    await primary.stop('SIGQUIT');
    await leading.end('SIGKILL');
    if (kept !== null) {
      kept.relay.target = new URL(standby.url);
      expect(await kept.source.logged('the server is a standby')).toContain('asked again');
    }
    await standby.sql('SELECT pg_promote()');

    await expectRefusal(lost, 'slot_missing', 'was not synchronised');
    await expectRefusal(ahead, 'timeline_diverged', 'that this server never had');
    if (kept === null) return;
    await kept.place.insert(standby, 3, 'promoted');
    expect(told(await view.eventsOnce(kept.place.topic, 2))).toEqual(['c 1 on the primary', 'c 3 promoted']);
    expect(await kept.source.end('SIGTERM')).toBe(0);
    expect(await view.events(kept.place.topic)).toHaveLength(2);

    await vouched.insert(standby, 2, 'promoted');
    await expectRefusal(vouched, 'timeline_changed', '--accept-timeline 2');
    await expectRefusal(vouched, 'timeline_changed', '--accept-timeline 2', { 'accept-timeline': '3' });
    await using source = startSource(vouched.at(standby), { 'accept-timeline': '2' });
    await source.logged(STREAMING);
    expect(told(await view.eventsOnce(vouched.topic, 2))).toEqual(['c 1 on the primary', 'c 2 promoted']);
  },
  START_MAX_MS,
);
