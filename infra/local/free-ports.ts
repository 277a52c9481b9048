import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { Failure } from '../process/failure.ts';

/** The local stack listens here only. */
export const LOCALHOST = '127.0.0.1';

/** Another process may take a port between our asking for it and the server's binding to it. */
const PORT_TRIES = 4;

/** @returns `count` different ports that were free a moment ago */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listenAnywhere));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listenAnywhere(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, LOCALHOST, () => resolve(server));
  });
}

/**
 * Calls `start` with free ports, and with others when one was taken meanwhile (it throws `local.port_taken`).
 * @throws Failure `local.port_taken` when that happens again and again
 */
export async function onFreePorts<T>(
  count: number,
  start: (ports: readonly number[]) => Promise<T>,
  pick: (count: number) => Promise<readonly number[]> = freePorts,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const ports = await pick(count);
    try {
      return await start(ports);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'local.port_taken' || attempt === PORT_TRIES)
        throw error;
    }
  }
}
