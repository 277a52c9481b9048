import { once } from 'node:events';
import { expect, inject, test } from 'vitest';
import { type SinkFixture, createSinkFixture } from './sink-fixture.ts';
import { type SinkProcess, startSinkProcess } from './sink-process.ts';
import { allRounds, audit, expectWrittenOnce, round, roundsIn, versions } from './write-audit.ts';

const POLL = { interval: 20, timeout: 40_000 };
const ROUNDS = 60;
/** The smallest that a broker takes by default: the partitions of who was killed, or sleeps, are free after it. */
const SHORT_SESSION = { 'session-timeout-ms': '6000' };

function start(fixture: SinkFixture, more: Record<string, string> = {}): SinkProcess {
  return startSinkProcess({
    'database-url': fixture.target.url,
    'kafka-bootstrap-servers': inject('kafkaBrokers'),
    'schema-registry-url': inject('registryUrl'),
    'topic-prefix': fixture.prefix,
    tables: 't=public.t',
    ...more,
  });
}

async function status(sink: SinkProcess, path: string): Promise<string> {
  const response = await fetch(`${await sink.url}${path}`);
  return `${response.status} ${await response.text()}`;
}

async function rowsWritten(fixture: SinkFixture): Promise<number> {
  return Number((await fixture.target.rows('SELECT count(*) FROM audit'))[0]?.[0]);
}

test('a sink that is killed in the middle of its batches writes every row once and ends with the topic', async () => {
  const fixture = await createSinkFixture();
  await audit(fixture.target);
  const writer = await fixture.writer('t');
  for (let version = 1; version <= ROUNDS; version++) await writer.write(round(version));
  for (const killAt of [500]) {
    const sink = start(fixture, { ...SHORT_SESSION, 'batch-rows': '5' });
    await expect.poll(() => rowsWritten(fixture), { ...POLL, interval: 1 }).toBeGreaterThan(killAt);
    expect(await sink.end('SIGKILL')).toBe('SIGKILL');
  }
  const sink = start(fixture);
  await expect.poll(() => roundsIn(fixture.target), POLL).toEqual(allRounds(ROUNDS));
  await expectWrittenOnce(fixture.target);
  expect(await sink.end('SIGTERM')).toBe(0);
}, 120_000);

test('a sink with an instance of its own that is killed and started again waits for no session to end', async () => {
  const fixture = await createSinkFixture();
  await audit(fixture.target);
  const writer = await fixture.writer('t');
  // Longer than the test.
  const options = { instance: '0', 'session-timeout-ms': '300000' };
  await writer.write(round(1));
  const sink = start(fixture, options);
  await expect.poll(() => roundsIn(fixture.target), POLL).toEqual(allRounds(1));
  expect(await sink.end('SIGKILL')).toBe('SIGKILL');
  await writer.write(round(2));
  const successor = start(fixture, options);
  await expect.poll(() => roundsIn(fixture.target), POLL).toEqual(allRounds(2));
  expect(await successor.end('SIGTERM')).toBe(0);
  await expectWrittenOnce(fixture.target);
});

test('of two sinks with one instance the older one ends, and says why', async () => {
  const fixture = await createSinkFixture();
  const writer = await fixture.writer('t');
  await writer.write(versions(1));
  const older = start(fixture, { ...SHORT_SESSION, instance: '0' });
  await expect.poll(() => status(older, '/readyz'), POLL).toBe('200 ready\n');
  const newer = start(fixture, { instance: '0' });
  await expect.poll(() => older.child.exitCode, POLL).toBe(1);
  expect(older.log().join('\n')).toContain('two processes carry one instance id');
  expect(await status(newer, '/readyz')).toBe('200 ready\n');
  expect(await newer.end('SIGTERM')).toBe(0);
});

test('a sink that sleeps through its own replacement writes nothing twice when it wakes, and works on', async () => {
  const fixture = await createSinkFixture();
  await audit(fixture.target);
  const writer = await fixture.writer('t');
  for (let version = 1; version <= ROUNDS; version++) await writer.write(round(version));
  const sleeper = start(fixture, { ...SHORT_SESSION, 'batch-rows': '5' });
  await expect.poll(() => rowsWritten(fixture), { ...POLL, interval: 1 }).toBeGreaterThan(100);
  sleeper.child.kill('SIGSTOP');
  const successor = start(fixture);
  await expect.poll(() => roundsIn(fixture.target), POLL).toEqual(allRounds(ROUNDS));
  sleeper.child.kill('SIGCONT');
  const claims = (): number => sleeper.log().filter((line) => line.includes('partitions claimed')).length;
  await expect.poll(claims, POLL).toBeGreaterThan(1);
  await writer.write(round(ROUNDS + 1));
  await expect.poll(() => roundsIn(fixture.target), POLL).toEqual(allRounds(ROUNDS + 1));
  expect(await successor.end('SIGTERM')).toBe(0);
  await writer.write(round(ROUNDS + 2));
  await expect.poll(() => roundsIn(fixture.target), POLL).toEqual(allRounds(ROUNDS + 2));
  await expectWrittenOnce(fixture.target);
  expect(await sleeper.end('SIGTERM')).toBe(0);
}, 120_000);

test('a sink waits for its topics, tells so, gets ready, and drains on SIGTERM', async () => {
  const fixture = await createSinkFixture();
  const sink = start(fixture);
  expect(await status(sink, '/healthz')).toBe('200 ok\n');
  expect(await status(sink, '/readyz')).toBe(`503 not ready: waiting for the topics ${fixture.prefix}.t\n`);
  const writer = await fixture.writer('t');
  await expect.poll(() => status(sink, '/readyz'), POLL).toBe('200 ready\n');
  await writer.write(versions(1));
  await expect
    .poll(() => fixture.target.rows('SELECT count(*) FROM t').catch(() => null), POLL)
    .toEqual([['40']]);
  await expect
    .poll(() => status(sink, '/metrics'), POLL)
    .toContain('millrace_sink_rows_total{table="public.t",op="upsert"} 40');
  expect(await sink.end('SIGTERM')).toBe(0);
});

test('bad options end it with code 2 and every problem named', async () => {
  const sink = startSinkProcess({ tables: 'orders' });
  const [code] = (await once(sink.child, 'exit')) as [number];
  expect(code).toBe(2);
  expect(sink.log().join('\n')).toMatch(/--database-url.*--tables.*is not of the form topic=schema\.table/s);
});
