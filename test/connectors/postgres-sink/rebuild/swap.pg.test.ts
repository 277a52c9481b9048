import type { Client } from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createSinkTables } from '../../../../connectors/postgres-sink/offset-table.ts';
import { boundObjects } from '../../../../connectors/postgres-sink/rebuild/bound-objects.ts';
import { readCarried } from '../../../../connectors/postgres-sink/rebuild/carried-parts.ts';
import { lackingParts } from '../../../../connectors/postgres-sink/rebuild/lacking-parts.ts';
import { type LiveTable, findLiveTable } from '../../../../connectors/postgres-sink/rebuild/live-table.ts';
import {
  completeNewTable,
  createNewTable,
  newIndexes,
} from '../../../../connectors/postgres-sink/rebuild/new-table.ts';
import { awaitOlderSnapshots } from '../../../../connectors/postgres-sink/rebuild/older-snapshots.ts';
import { createRebuildTable } from '../../../../connectors/postgres-sink/rebuild/rebuild-table.ts';
import { freeze, swap } from '../../../../connectors/postgres-sink/rebuild/swap.ts';
import { bindTable } from '../../../../connectors/postgres-sink/table-binding.ts';
import { describeTable } from '../../../../connectors/postgres-sink/target-table.ts';
import { systemClock } from '../../../../infra/process/clock.ts';
import { KEY, VALUE } from '../sink-fixture.ts';
import { type TargetDatabase, createTargetDatabase, randomSuffix } from '../target-database.ts';

const NAME = { schema: 'public', table: 't' };
const WANTED = describeTable(NAME, KEY, VALUE, null);
const OPTIONS = { deleteMode: 'hard', metaColumns: false, onTruncate: 'apply', setsAside: false } as const;

interface Bound {
  readonly target: TargetDatabase;
  readonly client: Client;
  readonly live: LiveTable;
}

/** A database with the table `t` of sink `sink`, made by `sql`. */
async function bound(sql: string): Promise<Bound> {
  const target = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => target[Symbol.asyncDispose]());
  const { client } = await target.openSession();
  onTestFinished(() => client.end());
  await target.client.query(sql);
  await createSinkTables(client);
  await createRebuildTable(client);
  await bindTable(client, { sink: 'sink', topic: 'topic', table: NAME }, OPTIONS);
  return { target, client, live: await findLiveTable(client, 'sink', NAME) };
}

/** A role of this test. It owns nothing but in the test's database, which goes first. */
async function role(client: Client): Promise<string> {
  const name = `rebuild_${randomSuffix()}`;
  await client.query(`CREATE ROLE ${name}`);
  return name;
}

async function rebuildEmpty({ client, live }: Bound): Promise<void> {
  const parts = await readCarried(client, live);
  await createNewTable(client, live, parts, WANTED);
  await completeNewTable(client, live, parts, WANTED, () => undefined);
  expect(await lackingParts(client, live, [])).toEqual([]);
  await freeze(client, live);
  const isSwapped = await swap(client, {
    live,
    parts: await readCarried(client, live),
    bound: await boundObjects(client, live),
    indexes: newIndexes(parts, WANTED),
    held: [],
    keptOid: null,
    dropsOld: false,
    isBegunAnew: false,
  });
  expect(isSwapped).toBe(true);
}

test('the new table has all that belongs to the old one, under the same names', async () => {
  const admin = await createTargetDatabase(inject('targetUrl'));
  const [owner, reader] = [await role(admin.client), await role(admin.client)];
  onTestFinished(async () => {
    await admin.client.query(`DROP ROLE ${owner}, ${reader}`);
    await admin[Symbol.asyncDispose]();
  });
  const here = await bound(`
    GRANT CREATE ON SCHEMA public TO ${owner};
    ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
    CREATE TABLE other (id int PRIMARY KEY);
    CREATE TABLE t (version int, note text DEFAULT 'x' NOT NULL, id int PRIMARY KEY, twice int GENERATED ALWAYS AS (version * 2) STORED,
      CONSTRAINT "a b" UNIQUE (version, id) DEFERRABLE, CONSTRAINT positive CHECK (version > 0),
      CONSTRAINT fk FOREIGN KEY (version) REFERENCES other) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1);
    CREATE UNIQUE INDEX "odd ON public.t USING name" ON t USING btree (lower(note) DESC) WHERE version IS NOT NULL;
    CREATE INDEX gist_like ON t USING brin (id);
    CREATE UNIQUE INDEX replicated ON t (id, version);
    ALTER TABLE t ALTER COLUMN version SET NOT NULL;
    ALTER TABLE t REPLICA IDENTITY USING INDEX replicated;
    ALTER TABLE t ALTER COLUMN note SET STATISTICS 500, ALTER COLUMN note SET STORAGE EXTERNAL;
    CREATE STATISTICS s ON id, version FROM t;
    COMMENT ON TABLE t IS 'it''s'; COMMENT ON COLUMN t.note IS 'n'; COMMENT ON INDEX gist_like IS 'i';
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER shape BEFORE INSERT OR UPDATE OF note ON t FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION f();
    CREATE TRIGGER tell AFTER UPDATE ON t REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION f();
    ALTER TABLE t ENABLE ALWAYS TRIGGER shape; ALTER TABLE t DISABLE TRIGGER tell;
    ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY;
    CREATE POLICY p ON t AS RESTRICTIVE FOR SELECT TO ${reader}, ${owner} USING (version > 1);
    CREATE POLICY q ON t WITH CHECK (EXISTS (SELECT FROM t AS o WHERE o.id = t.id));
    REVOKE ALL ON t FROM PUBLIC;
    GRANT SELECT ON t TO ${reader} WITH GRANT OPTION; GRANT UPDATE (note) ON t TO ${reader};
    ALTER TABLE t OWNER TO ${owner}; REVOKE DELETE ON t FROM ${owner};
    CREATE VIEW v WITH (security_barrier = true) AS SELECT t.*, version + 1 AS next FROM t;
    CREATE VIEW w AS SELECT next FROM v;
    GRANT SELECT ON v TO ${reader}`);
  const { client, live, target } = here;
  const columns = (): Promise<unknown> =>
    target.rows(`SELECT attname, attnotnull, attstorage, attgenerated, col_description(attrelid, attnum) FROM pg_attribute
      WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum`);
  const relation = (): Promise<unknown> =>
    target.rows(`SELECT reloptions, relpersistence, relam, (SELECT count(*) FROM pg_statistic_ext WHERE stxrelid = c.oid)
      FROM pg_class c WHERE oid = 't'::regclass`);
  const before = [await readCarried(client, live), await columns(), await relation()];
  await rebuildEmpty(here);
  const now = await findLiveTable(client, 'sink', NAME);
  expect(now.oid).not.toBe(live.oid);
  expect([await readCarried(client, now), await columns(), await relation()]).toEqual(before);
  expect((await boundObjects(client, now)).views.map(({ name }) => name)).toEqual(['public.v']);
  expect((await boundObjects(client, live)).views).toEqual([]);
  await target.client.query('INSERT INTO other VALUES (7); INSERT INTO t (id, version) VALUES (1, 7)');
  expect(await target.rows('SELECT * FROM w')).toEqual([['8']]);
  expect(
    await target.rows(
      `SELECT has_table_privilege('${reader}', 'v', 'SELECT'), reloptions FROM pg_class WHERE relname = 'v'`,
    ),
  ).toEqual([['t', '{security_barrier=true}']]);
  expect(
    await target.rows(`SELECT DISTINCT relname FROM pg_class WHERE relname ~ '__(old|rebuild)$' ORDER BY 1`),
  ).toEqual(
    ['a b', 'gist_like', 'odd ON public.t USING name', 'replicated', 't', 't_pkey'].map((name) => [
      `${name}__old`,
    ]),
  );
}, 60_000);

test('what holds on to the table itself is an obstacle, and is named', async () => {
  const { client, live } = await bound(`
    CREATE TABLE t (id int PRIMARY KEY, version int);
    CREATE TABLE child (t_id int REFERENCES t);
    CREATE MATERIALIZED VIEW m AS SELECT * FROM t;
    CREATE FUNCTION g(t) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION h() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t; END;
    CREATE RULE r AS ON DELETE TO t DO ALSO SELECT 1;
    CREATE TABLE heir () INHERITS (t);
    CREATE TABLE keeper (ts t[]);
    ALTER TABLE child ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON child USING (EXISTS (SELECT FROM t WHERE id = t_id));
    CREATE SEQUENCE s OWNED BY t.version;
    CREATE PUBLICATION everything FOR ALL TABLES`);
  const { obstacles, views } = await boundObjects(client, live);
  expect(views).toEqual([]);
  expect(obstacles).toEqual([
    'constraint child_t_id_fkey on table public.child',
    'function public.g(public.t)',
    'function public.h()',
    'policy p on table public.child',
    'publication everything',
    'rule _RETURN on materialized view public.m',
    'rule r on table public.t',
    'sequence public.s',
    'table public.heir',
    'table public.keeper',
  ]);
});

test('a column that was added meanwhile is missed, and a definition that changed', async () => {
  const { client, live, target } = await bound('CREATE TABLE t (id int PRIMARY KEY, version int)');
  await createNewTable(client, live, await readCarried(client, live), WANTED);
  await target.client.query(
    `ALTER TABLE t ADD COLUMN own text, ALTER COLUMN version SET DEFAULT 3, ADD CHECK (id > 0)`,
  );
  expect(await lackingParts(client, live, [])).toEqual([
    'column version integer default 3',
    'column own text',
    't_id_check CHECK ((id > 0))',
  ]);
});

test('a transaction that reads an earlier moment is waited for, one that begins later is not', async () => {
  const { client, target } = await bound('CREATE TABLE t (id int PRIMARY KEY, version int)');
  const early = await target.openSession('early');
  const late = await target.openSession('late');
  onTestFinished(async () => void (await Promise.all([early.client.end(), late.client.end()])));
  const begin = async (reader: Client): Promise<void> => {
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM public.t');
  };
  await begin(early.client);
  await target.client.query('INSERT INTO t VALUES (1, 1)');
  expect(await awaitOlderSnapshots(client, systemClock, 50)).toMatchObject([
    { application: 'millrace-sink:early' },
  ]);
  let looks = 0;
  const clock = {
    ...systemClock,
    sleep: async () => {
      if (looks++ > 0) return;
      await begin(late.client);
      await early.client.query('COMMIT');
    },
  };
  expect(await awaitOlderSnapshots(client, clock, 20_000)).toEqual([]);
  expect(looks).toBe(1);
});
