import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** A proxy before Postgres that can let a COMMIT through and lose the connection before its answer. */
export interface CommitEater extends AsyncDisposable {
  readonly url: string;
  /** The next COMMIT is executed and not answered. */
  readonly eatNext: () => void;
  readonly eaten: () => number;
}

/** A simple query message: tag, length of 11, the text and its final zero. */
const COMMIT = Buffer.from('Q\u0000\u0000\u0000\u000bCOMMIT\u0000', 'latin1');
/** Its answer: tag, length, and the name of the command. */
const COMMITTED = Buffer.from('C\u0000\u0000\u0000\u000bCOMMIT\u0000', 'latin1');

export async function startCommitEater(serverUrl: string): Promise<CommitEater> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let armed = false;
  let eaten = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let committing = false;
    sockets.add(client).add(upstream);
    client.on('data', (chunk) => {
      if (armed && chunk.includes(COMMIT)) {
        armed = false;
        committing = true;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!committing || !chunk.includes(COMMITTED)) client.write(chunk);
      else {
        eaten++;
        client.destroy();
      }
    });
    for (const [socket, other] of [[client, upstream] as const, [upstream, client] as const]) {
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = new URL(serverUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    eatNext() {
      armed = true;
    },
    eaten: () => eaten,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
