import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** A network path to Postgres that a test can bend. */
export interface PostgresRelay extends AsyncDisposable {
  /** The database's URL through the relay. */
  readonly url: string;
  /** What each client sends goes through this; null lets nothing through. */
  filterClient: (chunk: Buffer) => Buffer | null;
  /** The same for what the server sends. */
  filterServer: (chunk: Buffer) => Buffer | null;
  /** While true, the end of one side is not told to the other: a line that is dead half-open. */
  silent: boolean;
  /** Where new connections go from now on. */
  target: URL;
  /** Cuts every connection; new ones are let through. */
  cut(): void;
  /** Every connection of now is dead half-open for ever: nothing gets through, no end is told. New ones are let through. */
  deaden(): void;
}

export async function openPostgresRelay(databaseUrl: string): Promise<PostgresRelay> {
  const sockets = new Set<Socket>();
  const dead = new WeakSet<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(relay.target.port), relay.target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('close', () => dead.has(upstream) || upstream.destroy());
    upstream.on('close', () => relay.silent || dead.has(client) || client.destroy());
    client.on('data', (chunk) => dead.has(client) || pass(upstream, relay.filterClient(chunk)));
    upstream.on('data', (chunk) => dead.has(upstream) || pass(client, relay.filterServer(chunk)));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const relay: PostgresRelay = {
    url: url.href,
    filterClient: (chunk) => chunk,
    filterServer: (chunk) => chunk,
    silent: false,
    target: new URL(databaseUrl),
    cut() {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    deaden() {
      for (const socket of sockets) dead.add(socket);
    },
    async [Symbol.asyncDispose]() {
      relay.cut();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return relay;
}

function pass(to: Socket, chunk: Buffer | null): void {
  if (chunk !== null && to.writable) to.write(chunk);
}
