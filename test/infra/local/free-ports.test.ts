import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { LOCALHOST, lastingPorts, onFreePorts } from '../../../infra/local/free-ports.ts';
import { Failure } from '../../../infra/process/failure.ts';

const taken = (): Failure => new Failure('local.port_taken', 'stop', 'taken');

test('the ports are free and differ from each other', async () => {
  const ports = await onFreePorts(20, (given) => Promise.resolve(given));
  expect(new Set(ports).size).toBe(20);
  const server = createServer().listen(ports[0], LOCALHOST);
  await once(server, 'listening');
  expect((server.address() as AddressInfo).port).toBe(ports[0]);
  server.close();
});

test('a lasting port is free, and none that an outgoing connection is given', async () => {
  const ports = await lastingPorts(20);
  expect(new Set(ports).size).toBe(20);
  expect(Math.max(...ports)).toBeLessThan(32_768);
  const server = createServer().listen(ports[0], LOCALHOST);
  await once(server, 'listening');
  server.close();
});

test('a port that was taken meanwhile is replaced by another one', async () => {
  const offered = [[1], [2], [3]];
  const pick = (): Promise<readonly number[]> => Promise.resolve(offered.shift() ?? []);
  const start = ([port]: readonly number[]): Promise<number> => {
    return port === 3 ? Promise.resolve(port) : Promise.reject(taken());
  };
  expect(await onFreePorts(1, start, pick)).toBe(3);
});

test('a port that is taken every time ends the start', async () => {
  let starts = 0;
  const start = (): Promise<never> => {
    starts++;
    return Promise.reject(taken());
  };
  await expect(onFreePorts(1, start)).rejects.toMatchObject({ code: 'local.port_taken' });
  expect(starts).toBe(4);
});

test('another failure is not tried again', async () => {
  let starts = 0;
  const start = (): Promise<never> => {
    starts++;
    return Promise.reject(new Error('out of memory'));
  };
  await expect(onFreePorts(1, start)).rejects.toThrow('out of memory');
  expect(starts).toBe(1);
});
