import { get } from 'node:http';
import { expect, test } from 'vitest';
import { startHttpServer } from '../../../infra/process/http-server.ts';
import { METRIC, Metrics } from '../../../infra/process/metrics.ts';

test('liveness is always ok, readiness says why not, metrics are in the text format', async () => {
  const metrics = new Metrics();
  metrics.counter(METRIC.sinkRows, 'rows', ['table']).inc({ table: 't' }, 3);
  let reason: string | null = 'restoring';
  const options = {
    port: 0,
    host: '127.0.0.1',
    metrics,
    readiness: () => reason,
    pages: { '/state': () => ({ reason }) },
  };
  await using server = await startHttpServer(options);
  const get = async (path: string): Promise<[number, string]> => {
    const reply = await fetch(`http://127.0.0.1:${server.port}${path}`);
    return [reply.status, await reply.text()];
  };
  expect(await get('/healthz')).toEqual([200, 'ok\n']);
  expect(await get('/readyz')).toEqual([503, 'not ready: restoring\n']);
  reason = null;
  expect(await get('/readyz?x=1')).toEqual([200, 'ready\n']);
  expect((await get('/metrics'))[1]).toContain('millrace_sink_rows_total{table="t"} 3');
  expect(await get('/state')).toEqual([200, '{"reason":null}\n']);
  expect((await get('/other'))[0]).toBe(404);
});

test('what answers other paths is asked with GET alone, and an error of it shows nothing', async () => {
  const answer = ({ pathname }: URL) => {
    if (pathname === '/bad') return Promise.reject(new Error('a row'));
    return Promise.resolve(pathname === '/rows' ? { status: 400, body: { error: 'bad' } } : null);
  };
  const metrics = new Metrics();
  await using server = await startHttpServer({
    port: 0,
    host: '127.0.0.1',
    metrics,
    readiness: () => null,
    answer,
  });
  const ask = async (path: string, method = 'GET'): Promise<[number, string]> => {
    const reply = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return [reply.status, await reply.text()];
  };
  expect(await ask('/rows')).toEqual([400, '{"error":"bad"}\n']);
  expect((await ask('/rows', 'POST'))[0]).toBe(405);
  expect((await ask('/other'))[0]).toBe(404);
  expect(await ask('/bad')).toEqual([500, 'the question cannot be answered\n']);
});

test('a port that is taken is a mistake in the options, with the port and the way out', async () => {
  const options = { port: 0, host: '127.0.0.1', metrics: new Metrics(), readiness: () => null };
  await using first = await startHttpServer(options);
  await expect(startHttpServer({ ...options, port: first.port })).rejects.toMatchObject({
    code: 'config.http_port',
    order: 'stop',
    message: `the HTTP server cannot listen on port ${first.port} of 127.0.0.1`,
    fix: expect.stringContaining('--http-port') as string,
  });
});

test('a request without a path is refused, and the server goes on', async () => {
  const metrics = new Metrics();
  await using server = await startHttpServer({
    port: 0,
    host: '127.0.0.1',
    metrics,
    readiness: () => null,
    pages: {},
    answer: () => Promise.resolve(null),
  });
  const ask = (path: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      get({ port: server.port, host: '127.0.0.1', path, agent: false }, (reply) => {
        reply.resume();
        resolve(reply.statusCode);
      }).on('error', reject);
    });
  expect([await ask('//'), await ask('/healthz')]).toEqual([400, 200]);
});
