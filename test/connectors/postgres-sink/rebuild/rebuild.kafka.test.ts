import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { type SinkFixture, createSinkFixture } from '../sink-fixture.ts';
import type { Entry, TopicWriter } from '../topic-writer.ts';
import { administratorUrl, startRebuild } from './rebuild-process.ts';

const POLL = { interval: 5, timeout: 60_000 };
const KEYS = 400;
const ROUNDS = 100;
/** A row that the topic does not have: who sees it reads the old table. */
const GHOST = 1_000_000;

function versions(version: number, keys: number): Entry[] {
  return Array.from({ length: keys }, (_, id) => [{ id }, { id, version }]);
}

/** Writes a version of the first keys after the other, until it is stopped. Resolves with the last one. */
function writeOn(writer: TopicWriter, first: number): () => Promise<number> {
  let isOn = true;
  let version = first;
  const ended = (async () => {
    while (isOn) await writer.write(versions(version++, 20));
    return version - 1;
  })();
  const stop = (): Promise<number> => {
    isOn = false;
    return ended;
  };
  onTestFinished(async () => void (await Promise.allSettled([stop()])));
  return stop;
}

/** Reads the table again and again as `read` does; what it finds wrong is the answer. */
async function readOn(
  fixture: SinkFixture,
  read: (client: Client) => Promise<readonly { readonly id: number; readonly version: number }[]>,
): Promise<() => Promise<{ wrong: readonly string[]; isNew: boolean; times: number }>> {
  const client = new Client({ connectionString: administratorUrl(fixture) });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  let isOn = true;
  let times = 0;
  let isNew = false;
  let newest = 0;
  const wrong: string[] = [];
  const ended = (async () => {
    while (isOn) {
      const rows = await read(client).catch((error: unknown) => String(error));
      times++;
      if (typeof rows === 'string') {
        wrong.push(rows);
        break;
      }
      const own = rows.filter(({ id }) => id !== GHOST);
      isNew = own.length === rows.length;
      const sum = own.reduce((total, { version }) => total + version, 0);
      if (sum < newest) wrong.push(`${sum} after ${newest}: an older state`);
      newest = sum;
      const last = Math.min(...own.map(({ version }) => version));
      if (own.length !== KEYS || last < ROUNDS) wrong.push(`${own.length} rows, versions from ${last}`);
    }
    return { wrong, isNew, times };
  })();
  return () => {
    isOn = false;
    return ended;
  };
}

const withSnapshot = async (client: Client): Promise<{ id: number; version: number }[]> => {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
  await client.query('SELECT count(*) FROM pg_class');
  const { rows } = await client.query<{ id: number; version: number }>('SELECT * FROM public.t');
  await client.query('COMMIT');
  return rows;
};

test('a table is rebuilt under its writers and readers, killed while it fills and before it swaps', async () => {
  const fixture = await createSinkFixture();
  const { client, rows } = fixture.target;
  const writer = await fixture.writer('t');
  for (let version = 1; version <= ROUNDS; version++) await writer.write(versions(version, KEYS));
  const sink = await fixture.start(['t']);
  const settled = (version: number): Promise<unknown> =>
    rows(`SELECT count(*), count(*) FILTER (WHERE version = ${version}) FROM t WHERE id < ${KEYS}`).catch(
      String,
    );
  await expect.poll(() => settled(ROUNDS), POLL).toEqual([[String(KEYS), String(KEYS)]]);
  const role = `reader_${fixture.prefix.replace('-', '_')}`;
  await client.query(`
    CREATE ROLE ${role};
    CREATE INDEX by_version ON t (version) WHERE version > 0;
    COMMENT ON TABLE t IS 'versions';
    GRANT SELECT ON t TO ${role};
    CREATE VIEW v AS SELECT id, version FROM t;
    GRANT SELECT ON v TO ${role};
    CREATE TABLE told (id int, version int);
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO public.told VALUES (NEW.id, NEW.version); RETURN NULL; END $$;
    CREATE TRIGGER tell AFTER INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tell();
    INSERT INTO t VALUES (${GHOST}, 0)`);
  onTestFinished(async () => {
    await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
  const before = await rows(`SELECT 't'::regclass::oid`);
  const readers = [
    await readOn(fixture, async (c) => (await c.query({ name: 'all', text: 'SELECT * FROM t' })).rows),
    await readOn(fixture, async (c) => (await c.query('SELECT * FROM v')).rows),
    await readOn(fixture, withSnapshot),
  ];
  const stop = writeOn(writer, ROUNDS + 1);

  const asked = startRebuild('t', fixture);
  expect(await asked.ended).toBe(0);
  expect(asked.output()).toMatch(/views that are bound to the new table: public\.v[^]*nothing is changed/);
  expect(await rows(`SELECT to_regclass('t__rebuild')`)).toEqual([[null]]);

  const first = startRebuild('t', fixture, '--yes');
  const filled = async (): Promise<number> =>
    Number(
      (await rows(`SELECT sum(next_offset) FROM millrace.sink_offsets WHERE sink = 'sink:rebuild'`))[0]?.[0],
    );
  await expect.poll(filled, POLL).toBeGreaterThan(4_000);
  first.child.kill('SIGKILL');
  expect(await first.ended).toBe('SIGKILL');
  expect(await filled()).toBeLessThan(KEYS * ROUNDS);

  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM told LIMIT 1');
  const second = startRebuild('t', fixture, '--yes');
  await expect
    .poll(second.output, POLL)
    .toMatch(/the swap waits: \d+ transaction\(s\) read an earlier state/);
  expect(second.output()).toContain('goes on with what an earlier run has filled');
  second.child.kill('SIGKILL');
  await second.ended;
  await client.query('COMMIT');
  expect(await rows(`SELECT 't'::regclass::oid`)).toEqual(before);

  const third = startRebuild('t', fixture, '--yes');
  expect(await third.ended, third.output()).toBe(0);
  expect(third.output()).toContain('public.t is rebuilt');
  const last = await stop();
  await expect.poll(() => rows(`SELECT count(*) FROM t WHERE version = ${last}`), POLL).toEqual([['20']]);
  for (const end of readers) {
    const { wrong, isNew, times } = await end();
    expect(wrong).toEqual([]);
    expect(isNew).toBe(true);
    expect(times).toBeGreaterThan(10);
  }
  expect(
    await rows(`SELECT count(*), min(version), count(*) FILTER (WHERE version = ${ROUNDS}) FROM t`),
  ).toEqual([[String(KEYS), String(ROUNDS), String(KEYS - 20)]]);
  expect(await rows('SELECT id, version, count(*) FROM told GROUP BY 1, 2 HAVING count(*) > 1')).toEqual([]);
  expect(await rows(`SELECT count(*) FROM told WHERE version = ${last}`)).toEqual([['20']]);
  expect(await rows(`SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1`)).toEqual([
    ['by_version'],
    ['t_pkey'],
  ]);
  expect(
    await rows(
      `SELECT obj_description('t'::regclass), has_table_privilege('${role}', 't', 'SELECT'), has_table_privilege('${role}', 'v', 'SELECT'),
         to_regclass('t__old')::oid = ${String(before[0]?.[0])}`,
    ),
  ).toEqual([['versions', 't', 't', 't']]);
  expect(await rows(`SELECT DISTINCT sink FROM millrace.sink_offsets`)).toEqual([['sink']]);
  expect(sink.readiness()).toBeNull();
}, 180_000);
