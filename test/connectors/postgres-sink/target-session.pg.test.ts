import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { expect, inject, onTestFinished, test } from 'vitest';
import { openTarget } from '../../../connectors/postgres-sink/target-session.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { createTargetDatabase } from './target-database.ts';

test('a session has its settings, whatever the database says', async () => {
  const target = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => target[Symbol.asyncDispose]());
  const database = new URL(target.url).pathname.slice(1);
  for (const setting of ["timezone = 'Asia/Tokyo'", 'synchronous_commit = on', 'search_path = other'])
    await target.client.query(`ALTER DATABASE ${database} SET ${setting}`);
  await using session = await target.openSession('a');
  const settings = ['timezone', 'synchronous_commit', 'search_path', 'lock_timeout', 'application_name'];
  const values = settings.map((name) => `current_setting('${name}')`).join(', ');
  expect((await session.client.query({ text: `SELECT ${values}`, rowMode: 'array' })).rows).toEqual([
    ['UTC', 'off', 'pg_catalog', '5s', 'millrace-sink:a'],
  ]);
});

test('a session whose network is silent closes all the same', async () => {
  const target = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => target[Symbol.asyncDispose]());
  const { hostname, port } = new URL(target.url);
  const sockets: Socket[] = [];
  const proxy = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.pipe(upstream).pipe(client);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  const url = new URL(target.url);
  url.port = String((proxy.address() as AddressInfo).port);
  const session = await openTarget({
    databaseUrl: url.href,
    applicationName: 'silent',
    log: silentLog,
    clock: systemClock,
  });
  for (const socket of sockets) socket.unpipe().pause();
  await session[Symbol.asyncDispose]();
  await expect(session.client.query('SELECT 1')).rejects.toThrow();
});
