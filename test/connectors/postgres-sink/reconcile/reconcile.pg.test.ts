import { expect, test } from 'vitest';
import { twoDatabases } from './two-databases.ts';

const EQUAL = { missing: 0, extra: 0, different: 0 };

test('equal values are equal however they are written and typed', async () => {
  const both = await twoDatabases(
    `CREATE TABLE o (id int PRIMARY KEY, n numeric, f real, j json, at timestamptz, l timestamptz, a numeric[], c char(5), b bytea, e text);
     SET timezone = 'Asia/Tokyo';
     INSERT INTO o VALUES (1, 1.00, '-0', '{"b": 1.0, "a": [1]}', '2026-01-01 09:00', '2026-01-01 09:00', '{1.0,NULL,2}', 'ab', '\\x00ff', ''),
       (2, 'NaN', 0.5, NULL, 'infinity', NULL, '{}', NULL, NULL, NULL), (3, 1e20, 1e20, '[]', NULL, NULL, NULL, 'x', '', ','),
       (10, 0, 0, '1', NULL, NULL, NULL, NULL, NULL, '"')`,
    `CREATE TABLE t (id bigint PRIMARY KEY, n numeric(30,4), f double precision, j jsonb, at timestamptz, l timestamp, a jsonb, c text, b bytea, e text, extra int);
     INSERT INTO t VALUES (10, 0.0, 0, '1.0', NULL, NULL, NULL, NULL, NULL, '"', 7), (3, 1e20, 1e20::real, '[]', NULL, NULL, NULL, 'x', '', ',', 7),
       (2, 'NaN', 0.5, NULL, 'infinity', NULL, '[]', NULL, NULL, NULL, 7),
       (1, 1, 0, '{"a": [1], "b": 1}', '2026-01-01 00:00Z', '2026-01-01 00:00', '[1, null, 2.0]', 'ab', '\\x00ff', '', 7)`,
  );
  const result = await both.reconcile('SELECT * FROM o -- all of them\n;');
  expect(result).toMatchObject({ counts: EQUAL, named: [], notCompared: ['extra'], progress: 'not told' });
  expect(result.compared.rows).toEqual({ source: 4, target: 4 });
  expect(result.compared.rowsRead).toBe(0);
  // null is not the empty text, and a value in the next column is another row
  await both.target.client.query(
    `UPDATE t SET e = '' WHERE id = 2; UPDATE t SET c = 'x', e = NULL WHERE id = 10`,
  );
  const { named } = await both.reconcile('SELECT * FROM o');
  expect(named).toEqual([
    {
      kind: 'different',
      key: { id: '10' },
      columns: [
        { name: 'c', source: null, target: 'x' },
        { name: 'e', source: '"', target: null },
      ],
    },
    { kind: 'different', key: { id: '2' }, columns: [{ name: 'e', source: null, target: '' }] },
  ]);
});

test('rows that one side lacks and rows that differ are named by the columns of their key, and all are counted', async () => {
  const both = await twoDatabases(
    `CREATE TABLE o (region text, no int, amount numeric, PRIMARY KEY (region, no));
     INSERT INTO o SELECT r, n, n FROM unnest(ARRAY['a,b', 'a"b', 'a', 'Ä']) r, generate_series(1, 50) n`,
    `CREATE TABLE t (no int, region text, amount numeric, "__deleted" boolean, PRIMARY KEY (region, no));
     INSERT INTO t SELECT n, r, n FROM unnest(ARRAY['a,b', 'a"b', 'a', 'Ä']) r, generate_series(1, 50) n;
     DELETE FROM t WHERE region = 'Ä' AND no = 7;
     UPDATE t SET "__deleted" = true WHERE region = 'a"b' AND no = 8;
     UPDATE t SET no = 99 WHERE region = 'a,b' AND no = 9;
     UPDATE t SET amount = NULL WHERE region = 'a' AND no = 10`,
  );
  const result = await both.reconcile('SELECT no, region, amount FROM o');
  expect(result.counts).toEqual({ missing: 3, extra: 1, different: 1 });
  const names = result.named.map(({ kind, key }) => `${kind} ${key['region']} ${key['no']}`);
  expect(names.toSorted()).toEqual([
    'different a 10',
    'extra a,b 99',
    'missing a"b 8',
    'missing a,b 9',
    'missing Ä 7',
  ]);
  expect(await both.reconcile('SELECT no, region, amount FROM o', { show: 2 })).toMatchObject({
    counts: { missing: 3 },
    named: [{}, {}],
  });
});

test('one row of a large table is found by reading its key range only', async () => {
  const rows = `SELECT n AS id, md5(n::text) AS v FROM generate_series(1, 100000) n`;
  const both = await twoDatabases(
    'SELECT 1',
    `CREATE TABLE t AS ${rows}; ALTER TABLE t ADD PRIMARY KEY (id); UPDATE t SET v = 'x' WHERE id = 71234`,
  );
  const { compared, counts, named } = await both.reconcile(rows);
  expect(counts).toEqual({ ...EQUAL, different: 1 });
  expect(named).toMatchObject([{ key: { id: '71234' }, columns: [{ name: 'v', target: 'x' }] }]);
  expect(compared.ranges).toBeGreaterThan(20);
  expect(compared.rowsRead).toBeGreaterThan(0);
  expect(compared.rowsRead).toBeLessThan(30_000);
});

test('rows on their way are no differences: those keys are looked at again until they agree', async () => {
  const both = await twoDatabases(
    `CREATE TABLE o (id int PRIMARY KEY, v int); INSERT INTO o VALUES (1, 1), (2, 2), (3, 3), (4, 4)`,
    `CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (2, 0), (3, 3), (4, 0), (5, 5);
     CREATE SCHEMA millrace; CREATE TABLE millrace.progress (view text, lsn pg_lsn);
     INSERT INTO millrace.progress VALUES ('public.t', '0/1'), ('public.u', NULL)`,
  );
  const arrivals = [
    // the target reaches the place in the WAL only now
    `UPDATE millrace.progress SET lsn = 'FFFFFFFF/0'; INSERT INTO t VALUES (1, 1)`,
    'DELETE FROM t WHERE id = 5',
    // row 2 goes on in the source meanwhile: that its state of before has come is enough
    'UPDATE t SET v = 2 WHERE id = 2',
  ];
  const request = { settleTimeoutMs: 5_000 };
  const result = await both.reconcile('SELECT * FROM o', request, async (pause) => {
    await both.source.client.query('UPDATE o SET v = v + 10 WHERE id = 2 AND $1 > 0', [pause]);
    await both.target.client.query(arrivals[pause] ?? 'SELECT 1');
  });
  expect(result).toMatchObject({ progress: 'reached', counts: { ...EQUAL, different: 1 } });
  expect(result.named).toMatchObject([{ key: { id: '4' } }]);
  expect(result.looks).toBeGreaterThan(2);
});

test('what cannot be compared says what to do', async () => {
  const both = await twoDatabases(
    'SELECT 1',
    'CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE bare (id int)',
  );
  await both.target.client.query('INSERT INTO t VALUES (1, 1)');
  const bare = { view: { schema: 'public', table: 'bare' } };
  const refused: [string, object, string][] = [
    ['SELECT 1 AS id, v FROM generate_series(1, 2) v', {}, 'reconcile.duplicate_key'],
    ['SELECT NULL::int AS id, 1 AS v', {}, 'reconcile.no_key'],
    ['SELECT 1 AS id, 1 AS w', {}, 'reconcile.columns'],
    ['SELECT 1 AS id, 1 AS v, 2 AS v', {}, 'reconcile.columns'],
    ['SELECT 1 AS v', {}, 'reconcile.columns'],
    ['SELECT 1 AS id', bare, 'reconcile.no_key'],
    ['SELECT 1 AS id', { view: { schema: 'public', table: 'T' } }, 'reconcile.no_table'],
    // neither a second statement nor a write
    ['SELECT 1 AS id) AS q; DROP TABLE t; --', {}, 'reconcile.read_failed'],
    [`SELECT setval('s', 1) AS id FROM (SELECT 1) x; DELETE FROM t`, {}, 'reconcile.read_failed'],
    [`SELECT nextval('s') AS id`, {}, 'reconcile.read_failed'],
  ];
  await both.source.client.query('CREATE SEQUENCE s');
  for (const [sql, request, code] of refused)
    await expect(both.reconcile(sql, request), sql).rejects.toMatchObject({ code });
  expect((await both.reconcile('SELECT 1 AS id', { ...bare, keys: ['id'] })).counts.missing).toBe(1);
});
