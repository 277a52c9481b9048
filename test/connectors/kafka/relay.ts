import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Connections } from '../../../connectors/kafka/connections.ts';
import type { BrokerAddress, ClientContext, WireRequest } from '../../../connectors/kafka/connections.ts';

/** A network path to a broker that can be cut. */
export interface Relay extends AsyncDisposable {
  readonly address: BrokerAddress;
  /** Lets the next answer through up to its middle, then cuts the connection. */
  cutNextAnswer(): void;
  /** Cuts every connection at once and opens no new one. */
  cutForGood(): void;
}

export async function openRelay(target: BrokerAddress): Promise<Relay> {
  const sockets = new Set<Socket>();
  let cut: 'never' | 'next answer' | 'always' = 'never';
  const server = createServer((client) => {
    if (cut === 'always') return client.destroy();
    const broker = connect(target);
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    client.on('close', () => broker.destroy());
    broker.on('close', () => client.destroy());
    client.pipe(broker);
    broker.on('data', (answer) => {
      if (cut === 'never') return client.write(answer);
      if (cut === 'next answer') cut = 'never';
      client.write(answer.subarray(0, Math.floor(answer.length / 2)), () => client.destroy());
      return false;
    });
    return client;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: { host: '127.0.0.1', port },
    cutNextAnswer() {
      cut = 'next answer';
    },
    cutForGood() {
      cut = 'always';
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Connections that go through the relay, whatever address the cluster's metadata names. */
export class RelayedConnections extends Connections {
  readonly #relay: Relay;

  constructor(context: ClientContext, relay: Relay) {
    super(context);
    this.#relay = relay;
  }

  override send<T>(_address: BrokerAddress, request: WireRequest<T>): Promise<T> {
    return super.send(this.#relay.address, request);
  }

  override call<T>(...[, apiName, apiVersion, args, timeoutMs]: Parameters<Connections['call']>): Promise<T> {
    return super.call(this.#relay.address, apiName, apiVersion, args, timeoutMs);
  }
}
