import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { type PostgresRelay, openPostgresRelay } from '../../connectors/postgres-source/postgres-relay.ts';
import { breakAt } from './broken-line.ts';

const COMMIT = 'Q\0\0\0\u000bCOMMIT\0';
const COMMITTED = 'C\0\0\0\u000bCOMMIT\0';
const PATIENCE = new AbortController().signal;

/** A server that answers each COMMIT, and a line to it. */
async function lineToServer() {
  const received: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      received.push(chunk.toString());
      socket.write(chunk.includes('COMMIT') ? COMMITTED : 'ok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const relay = await openPostgresRelay(`postgres://127.0.0.1:${port}/`);
  const client: Socket = connect(Number(new URL(relay.url).port), '127.0.0.1');
  client.on('error', () => client.destroy());
  onTestFinished(async () => {
    client.destroy();
    await relay[Symbol.asyncDispose]();
    server.close();
  });
  await once(client, 'connect');
  return { relay, client, received };
}

function cutting(relay: PostgresRelay): () => boolean {
  return () => {
    relay.cut();
    return false;
  };
}

test('a COMMIT is cut off before the server has it', async () => {
  const { relay, client, received } = await lineToServer();
  const isMet = breakAt(relay, 'before COMMIT', cutting(relay), PATIENCE);
  client.write('Q\0\0\0\u0006X\0');
  await once(client, 'data');
  client.write(COMMIT);
  await once(client, 'close');
  expect(await isMet).toBe(true);
  expect(received.join('')).not.toContain('COMMIT');
});

test('a COMMIT is cut off when the server has done it, before its answer', async () => {
  const { relay, client, received } = await lineToServer();
  const answers: string[] = [];
  client.on('data', (chunk) => answers.push(chunk.toString()));
  const isMet = breakAt(relay, 'after COMMIT', cutting(relay), PATIENCE);
  client.write(COMMIT);
  await once(client, 'close');
  expect(await isMet).toBe(true);
  expect(received).toEqual([COMMIT]);
  expect(answers).toEqual([]);
});

test('a BEGIN that is waited for goes through where it is let', async () => {
  const { relay, client, received } = await lineToServer();
  const passed = breakAt(relay, 'before BEGIN', () => true, PATIENCE);
  client.write('Q\0\0\0\u000aBEGIN\0');
  expect(await passed).toBe(true);
  await once(client, 'data');
  expect(received.join('')).toContain('BEGIN');
});

test('a line without a COMMIT is left alone', async () => {
  const { relay, client } = await lineToServer();
  const patience = new AbortController();
  const isMet = breakAt(relay, 'before COMMIT', () => false, patience.signal);
  patience.abort();
  expect(await isMet).toBe(false);
  client.write(COMMIT);
  const [answer] = (await once(client, 'data')) as [Buffer];
  expect(answer.toString()).toBe(COMMITTED);
});
