import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { externalProvider } from '../../../infra/local/external-provider.ts';
import { askKafka } from '../../../infra/local/kafka-metadata.ts';
import { thisMachine } from '../../../infra/local/machine.ts';
import { processesProvider } from '../../../infra/local/processes-provider.ts';
import type { Stack } from '../../../infra/local/stack.ts';
import { isRunning, scratchFolder, writeProgram } from './scratch.ts';

const UP = fileURLToPath(new URL('../../../infra/local/up.ts', import.meta.url));

const onProgress = (): void => undefined;
let second: Stack;

/** A stack of this file's own beside the one that every test shares. */
beforeAll(async () => {
  second = await processesProvider(thisMachine()).start({ provider: 'processes', onProgress });
});

afterAll(async () => {
  await second[Symbol.asyncDispose]();
});

async function clusterId(brokers: string): Promise<string> {
  const [host = '', port] = brokers.split(':');
  return (await askKafka(host, Number(port))).clusterId;
}

async function show(url: string, setting: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<Record<string, string>>(`SHOW ${setting}`);
  await client.end();
  return rows[0]?.[setting] ?? '';
}

function post(schema: object): Promise<Response> {
  return fetch(`${second.registryUrl}/subjects/orders-value/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  });
}

test('two stacks run at once, and Kafka tells them apart', async () => {
  expect(await clusterId(second.kafkaBrokers)).not.toBe(await clusterId(inject('kafkaBrokers')));
  expect(second.sourceUrl).not.toBe(inject('sourceUrl'));
});

test('Postgres is ready for logical replication', async () => {
  expect(await show(second.sourceUrl, 'wal_level')).toBe('logical');
  expect(await show(second.sourceUrl, 'max_replication_slots')).toBe('64');
  expect(await show(second.sourceUrl, 'listen_addresses')).toBe('127.0.0.1');
});

test('the registry keeps every subject backward compatible', async () => {
  const field = (name: string): object => ({ name, type: 'int' });
  const record = (...fields: object[]): object => ({ type: 'record', name: 'Order', fields });
  expect((await post(record(field('id')))).status).toBe(200);
  expect((await post(record(field('id'), field('added')))).status).toBe(409);
  expect((await post(record(field('id'), { ...field('added'), default: 0 }))).status).toBe(200);
  const config = await fetch(`${second.registryUrl}/config`);
  expect(await config.json()).toEqual({ compatibilityLevel: 'BACKWARD' });
});

test('a running stack passes as external servers', async () => {
  const { kafkaBrokers, registryUrl, sourceUrl, targetUrl } = second;
  const external = { kafkaBrokers, registryUrl, sourceUrl, targetUrl };
  const joined = await externalProvider().start({ provider: 'external', onProgress, external });
  expect(joined).toMatchObject({ provider: 'external', ...external });
});

test.each(['SIGKILL', 'SIGINT'] as const)(
  'nothing is left behind when %s ends the process that started the stack',
  async (signal) => {
    const parent = spawn(process.execPath, [UP, '--infra', 'processes'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const stack = JSON.parse(line) as Stack;
    const folder = dirname(stack.logs ?? '');
    const pids = readdirSync(join(folder, 'pids')).map((name) => {
      return Number(readFileSync(join(folder, 'pids', name), 'utf8').split(' ')[1]);
    });
    expect(pids.length).toBeGreaterThanOrEqual(3);
    expect(pids.every(isRunning)).toBe(true);
    // Somebody still uses it.
    const client = new pg.Client({ connectionString: stack.sourceUrl });
    client.on('error', () => undefined);
    await client.connect();
    parent.kill(signal);
    await once(parent, 'exit');
    await vi.waitFor(
      () => {
        expect(pids.filter(isRunning)).toEqual([]);
        expect(existsSync(folder)).toBe(false);
      },
      { timeout: 10_000, interval: 20 },
    );
    await expect(fetch(stack.registryUrl)).rejects.toThrow('fetch failed');
    await expect(clusterId(stack.kafkaBrokers)).rejects.toThrow('ECONNREFUSED');
    await expect(show(stack.sourceUrl, 'wal_level')).rejects.toThrow('ECONNREFUSED');
    await client.end();
  },
);

test('a stack with a part that does not start stops the others, and its error names the kept logs', async () => {
  using folder = scratchFolder();
  const java = join(folder.path, 'java');
  writeProgram(
    java,
    `[ "$1" = -version ] && echo 'version "17.0.1"' >&2 && exit; echo 'not enough memory'; exit 1`,
  );
  const machine = {
    ...thisMachine(),
    tmpFolder: folder.path,
    env: { PATH: `${folder.path}:${process.env['PATH']}` },
  };
  chmodSync(folder.path, 0o711);
  const start = processesProvider(machine).start({ provider: 'processes', onProgress });
  await expect(start).rejects.toMatchObject({
    code: 'local.server_ended',
    message: expect.stringContaining('not enough memory'),
    fix: expect.stringContaining(`the logs of all servers are in ${folder.path}/millrace-logs-`),
  });
  const left = readdirSync(folder.path).filter((name) => name !== 'java');
  expect(left).toEqual([expect.stringMatching(/^millrace-logs-/)]);
});

test('a disposed stack leaves no folder', async () => {
  const third = await processesProvider(thisMachine()).start({ provider: 'processes', onProgress });
  const folder = dirname(third.logs ?? '');
  expect(existsSync(folder)).toBe(true);
  await third[Symbol.asyncDispose]();
  expect(existsSync(folder)).toBe(false);
});
