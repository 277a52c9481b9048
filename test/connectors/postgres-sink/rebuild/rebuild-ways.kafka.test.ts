import { expect, test } from 'vitest';
import { createSinkFixture } from '../sink-fixture.ts';
import { versions } from '../write-audit.ts';
import { startRebuild } from './rebuild-process.ts';

const POLL = { interval: 20, timeout: 40_000 };

test('a table that has stopped is mended by a rebuild, and its sink goes on by itself', async () => {
  const fixture = await createSinkFixture();
  const { client, rows } = fixture.target;
  const [good, bad] = [await fixture.writer('good'), await fixture.writer('bad')];
  const counts = (): Promise<unknown> =>
    rows('SELECT (SELECT count(*) FROM good), (SELECT count(*) FROM bad)').catch(String);
  await good.write(versions(1));
  await bad.write(versions(1));
  const first = await fixture.start(['bad', 'good']);
  await expect.poll(counts, POLL).toEqual([['40', '40']]);
  await first.stop();
  await client.query(`ALTER TABLE bad ALTER COLUMN version TYPE text; INSERT INTO bad VALUES (77, 'ghost')`);
  const sink = await fixture.start(['bad', 'good']);
  const metric = 'millrace_table_paused{table="public.bad"}';
  await expect.poll(() => sink.metrics.text(), POLL).toContain(`${metric} 1`);
  await client.query('CREATE VIEW v AS SELECT version FROM bad');
  const refused = startRebuild('bad', fixture, '--yes');
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toContain(
    'version becomes integer (was text), and views of public.bad cannot follow',
  );
  await client.query('DROP VIEW v');
  const rebuild = startRebuild('bad', fixture, '--yes', '--drop-old');
  expect(await rebuild.ended, rebuild.output()).toBe(0);
  await bad.write([[{ id: 40 }, { id: 40, version: 1 }]]);
  await expect.poll(counts, POLL).toEqual([['40', '41']]);
  await expect.poll(() => sink.metrics.text(), POLL).toContain(`${metric} 0`);
  expect(
    await rows(`SELECT sum(version), pg_typeof(min(version)), to_regclass('bad__old') FROM bad`),
  ).toEqual([['41', 'integer', null]]);
}, 120_000);

test('without a sink that runs: given up, filled from a topic that was created anew, and bad rows set aside', async () => {
  const fixture = await createSinkFixture();
  const { client, rows } = fixture.target;
  const before = await fixture.writer('t', 1);
  await before.write(versions(1));
  await before.write(versions(2));
  await client.query('CREATE TABLE t (id int PRIMARY KEY, version int CHECK (version <> 13))');
  const options = { deadLetters: { perBatchMax: 10, totalMax: 10 } };
  const sink = await fixture.start(['t'], options);
  await expect.poll(() => rows('SELECT sum(version) FROM t'), POLL).toEqual([['80']]);
  await sink.stop();
  await fixture.kafka.deleteTopics([before.topic]);
  const anew = await fixture.writer('t', 1);
  await anew.write([...versions(3, 5), [{ id: 5 }, { id: 5, version: 13 }]]);
  await client.query(
    `INSERT INTO millrace.sink_progress VALUES ('sink', '${anew.topic}', '', 'slot', '0/1', now(), now(), '0/1')`,
  );

  await client.query('BEGIN; SELECT FROM t');
  const stuck = startRebuild('t', fixture, '--yes', '--swap-timeout-ms', '1');
  expect(await stuck.ended).toBe(1);
  expect(stuck.output()).toMatch(/could not be swapped in: [^]*locks are held by pid \d+/);
  await client.query('COMMIT');
  const aborted = startRebuild('t', fixture, '--abort');
  expect(await aborted.ended, aborted.output()).toBe(0);
  expect(await rows(`SELECT to_regclass('t__rebuild'), count(*) FROM millrace.sink_tables`)).toEqual([
    [null, '1'],
  ]);

  const rebuild = startRebuild('t', fixture, '--yes');
  expect(await rebuild.ended, rebuild.output()).toBe(0);
  expect(await rows('SELECT count(*), sum(version) FROM t')).toEqual([['5', '15']]);
  expect(await rows('SELECT sink, table_name, "offset" FROM millrace.dead_letters')).toEqual([
    ['sink', 't', '5'],
  ]);
  expect(await rows('SELECT view, lsn FROM millrace.progress')).toEqual([['public.t', null]]);
  await fixture.start(['t'], options);
  await anew.write([[{ id: 6 }, { id: 6, version: 3 }]]);
  await expect.poll(() => rows('SELECT count(*), sum(version) FROM t'), POLL).toEqual([['6', '18']]);
}, 120_000);
