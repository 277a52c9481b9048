import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** A network path to Postgres that a test can bend. */
export interface PostgresRelay extends AsyncDisposable {
  /** The database's URL through the relay. */
  readonly url: string;
  /** What each client sends goes through this as it comes, before any delay; null lets nothing through. */
  filterClient: (chunk: Buffer) => Buffer | null;
  /** The same for what the server sends. */
  filterServer: (chunk: Buffer) => Buffer | null;
  /** While true, the end of one side is not told to the other: a line that is dead half-open. */
  silent: boolean;
  /** How long everything is under way, in either direction. */
  delayMs: number;
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
    const up = delayed(() => relay.delayMs);
    const down = delayed(() => relay.delayMs);
    client.on('data', (chunk) => {
      if (dead.has(client)) return;
      const passed = relay.filterClient(chunk);
      up(() => dead.has(client) || pass(upstream, passed));
    });
    upstream.on('data', (chunk) => {
      if (dead.has(upstream)) return;
      const passed = relay.filterServer(chunk);
      down(() => dead.has(upstream) || pass(client, passed));
    });
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
    delayMs: 0,
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

/** Does what it is given after a while, one behind the other; at once where nothing waits. */
function delayed(delayMs: () => number): (deliver: () => void) => void {
  const waiting: (() => void)[] = [];
  let lastMs = 0;
  return (deliver) => {
    const nowMs = Date.now();
    if (waiting.length === 0 && delayMs() === 0) return deliver();
    lastMs = Math.max(lastMs, nowMs + delayMs());
    waiting.push(deliver);
    setTimeout(() => waiting.shift()?.(), lastMs - nowMs);
  };
}

function pass(to: Socket, chunk: Buffer | null): void {
  if (chunk !== null && to.writable) to.write(chunk);
}
