import { randomInt } from 'node:crypto';
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

/** Systems hand out ports for outgoing connections above these: Linux from 32768, macOS and Windows from 49152. */
const LASTING_PORTS = { from: 15_000, to: 32_000 } as const;

/**
 * Free ports that stay free while their server is down: the system gives them to no outgoing connection, not even to
 * one that knocks at the server that is down, which would meet itself there.
 * @returns `count` different ports
 */
export async function lastingPorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(LASTING_PORTS.from, LASTING_PORTS.to);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  try {
    const server = await listen(port);
    await new Promise((resolve) => server.close(resolve));
    return true;
  } catch {
    return false;
  }
}

const listenAnywhere = (): Promise<Server> => listen(0);

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, LOCALHOST, () => resolve(server));
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
