import { expect, test } from 'vitest';
import { createSinkFixture } from './sink-fixture.ts';
import { versions } from './write-audit.ts';

const POLL = { interval: 20, timeout: 30_000 };

test('a table that cannot follow its topic stops alone and keeps its place; mended, it goes on from there', async () => {
  const fixture = await createSinkFixture();
  const counts = (): Promise<unknown> =>
    fixture.target
      .rows('SELECT (SELECT count(*) FROM good), (SELECT count(*) FROM bad), (SELECT count(*) FROM shut)')
      .catch(String);
  const role = new URL(fixture.target.url).username;
  await fixture.target.client.query(
    `CREATE TABLE bad (id int PRIMARY KEY, version text);
     CREATE TABLE shut (id int PRIMARY KEY, version int); REVOKE UPDATE ON shut FROM ${role}`,
  );
  const topics = ['bad', 'good', 'shut'];
  for (const topic of topics) await (await fixture.writer(topic)).write(versions(1));
  const first = await fixture.start(topics);
  await expect.poll(counts, POLL).toEqual([['40', '0', '0']]);
  expect(first.readiness()).toBeNull();
  expect(await first.metrics.text()).toContain('millrace_table_paused{table="public.bad"} 1');
  expect(await first.metrics.text()).toContain('millrace_table_paused{table="public.shut"} 1');
  await first.stop();
  await fixture.target.client.query(
    `ALTER TABLE bad ALTER COLUMN version TYPE int USING version::int; GRANT UPDATE ON shut TO ${role}`,
  );
  await fixture.start(topics);
  await expect.poll(counts, POLL).toEqual([['40', '40', '40']]);
});
