import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { brokers } from '../kafka-client.ts';

/** API keys of https://kafka.apache.org/protocol#protocol_api_keys */
export const API = {
  produce: 0,
  fetch: 1,
  metadata: 3,
  findCoordinator: 10,
  joinGroup: 11,
  initProducerId: 22,
  addPartitions: 24,
  addOffsets: 25,
  endTransaction: 26,
} as const;

export interface Exchange {
  readonly apiKey: number;
  /** The whole request after its size. */
  readonly request: Buffer;
}

/** `lose`: the client hears nothing; `cut`: its connection ends instead of an answer. */
export type Fate = 'pass' | 'lose' | 'cut';

/** A network path to one broker, with a say in each request and answer. Clients find only paths behind it. */
export interface BrokerRelay extends AsyncDisposable {
  /** host:port */
  readonly address: string;
  /** Client connections that were ever opened. */
  readonly opened: number;
  /** Runs before a request goes on; may hold it. */
  onRequest: (exchange: Exchange) => void | Promise<void>;
  /** Decides about an answer, whose bytes it may change; it starts with the correlation id. */
  onAnswer: (exchange: Exchange, answer: Buffer) => Fate;
}

/** One relay for each broker. Their ports stand in the place of the brokers' in all that the brokers tell of themselves. */
export async function openRelays(targets: readonly string[] = brokers()): Promise<BrokerRelay[]> {
  const ports = new Map<string, number>();
  const relays: BrokerRelay[] = [];
  for (const target of targets) {
    const relay = await openRelay(target, ports);
    ports.set(target, Number(relay.address.split(':')[1]));
    relays.push(relay);
  }
  return relays;
}

/** The relay of a cluster that has one broker. */
export async function openBrokerRelay(): Promise<BrokerRelay> {
  const [relay] = await openRelays(brokers().slice(0, 1));
  if (relay === undefined) throw new Error('the test stack has no broker');
  return relay;
}

async function openRelay(target: string, ports: ReadonlyMap<string, number>): Promise<BrokerRelay> {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  let opened = 0;
  const server = createServer((client) => {
    opened++;
    const broker = connect({ host, port: Number(port), noDelay: true });
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    client.on('close', () => broker.destroy());
    broker.on('close', () => client.destroy());
    carry(client, broker, relay, ports);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const relay: BrokerRelay = {
    address: `${host}:${(server.address() as AddressInfo).port}`,
    get opened() {
      return opened;
    },
    onRequest: () => undefined,
    onAnswer: () => 'pass',
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return relay;
}

/** Carries frames both ways. A broker answers in the order of the requests. */
function carry(client: Socket, broker: Socket, relay: BrokerRelay, ports: ReadonlyMap<string, number>): void {
  const waiting: Exchange[] = [];
  let before: Promise<unknown> = Promise.resolve();
  onFrames(client, (request) => {
    const exchange = { apiKey: request.readInt16BE(0), request };
    before = before
      .then(() => relay.onRequest(exchange))
      .then(() => {
        waiting.push(exchange);
        broker.write(framed(request));
      });
  });
  onFrames(broker, (answer) => {
    const exchange = waiting.shift();
    if (exchange === undefined) return client.destroy();
    if (exchange.apiKey === API.metadata || exchange.apiKey === API.findCoordinator)
      renamePorts(answer, ports);
    const fate = relay.onAnswer(exchange, answer);
    if (fate === 'cut') client.destroy();
    else if (fate === 'pass') client.write(framed(answer));
    return undefined;
  });
}

function onFrames(socket: Socket, take: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      take(Buffer.from(rest.subarray(4, end)));
      rest = rest.subarray(end);
    }
  });
}

function framed(frame: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(frame.length);
  return Buffer.concat([size, frame]);
}

/** In every version of these answers a broker's port, an int32, stands right behind its host. */
function renamePorts(answer: Buffer, ports: ReadonlyMap<string, number>): void {
  for (const [target, relayed] of ports) {
    const [host = '', port = ''] = target.split(':');
    const address = Buffer.alloc(host.length + 4);
    address.write(host);
    address.writeInt32BE(Number(port), host.length);
    for (let at = answer.indexOf(address); at >= 0; at = answer.indexOf(address, at + 1))
      answer.writeInt32BE(relayed, at + host.length);
  }
}
