import { expect, test } from 'vitest';
import { type SinkFixture, createSinkFixture } from './sink-fixture.ts';
import { versions } from './write-audit.ts';

const POLL = { interval: 20, timeout: 30_000 };

const rowsOf = (fixture: SinkFixture): Promise<unknown> =>
  fixture.target.rows('SELECT count(*) FROM t').catch(String);

test('a target that only reads is told of and waited for', async () => {
  const fixture = await createSinkFixture();
  const { client, rows } = fixture.target;
  const [[database] = []] = await rows('SELECT quote_ident(current_database())');
  await client.query(`ALTER DATABASE ${String(database)} SET default_transaction_read_only = on`);
  const writer = await fixture.writer('t');
  await writer.write(versions(1));
  const sink = await fixture.start(['t']);
  await expect.poll(sink.readiness, POLL).toContain('only reads');
  await client.query(`ALTER DATABASE ${String(database)} RESET default_transaction_read_only`);
  await expect.poll(() => rowsOf(fixture), POLL).toEqual([['40']]);
});

test('a table that somebody locks is told of and waited for, and then has its rows', async () => {
  const fixture = await createSinkFixture();
  const writer = await fixture.writer('t');
  await writer.write(versions(1));
  const sink = await fixture.start(['t']);
  await expect.poll(() => rowsOf(fixture), POLL).toEqual([['40']]);
  await fixture.target.client.query('BEGIN; LOCK TABLE t');
  await writer.write(versions(2));
  await expect.poll(sink.readiness, POLL).toContain('holds a lock');
  await fixture.target.client.query('ROLLBACK');
  await expect
    .poll(() => fixture.target.rows('SELECT count(*) FROM t WHERE version = 2'), POLL)
    .toEqual([['40']]);
  await expect.poll(sink.readiness, POLL).toBeNull();
});
