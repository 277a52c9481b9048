import { connect } from 'node:net';
import { startHttpServer } from '../../../infra/process/http-server.ts';
import { METRIC, Metrics } from '../../../infra/process/metrics.ts';
import { answerQuery } from '../../../processors/engine/inspection/http-queries.ts';
import { StateQueries } from '../../../processors/engine/inspection/state-queries.ts';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { topology } from '../../../processors/engine/topology.ts';
import type { Schema } from '../../../schemas/schema.ts';
import type { Topic } from '../../../schemas/topic.ts';
import { type FuzzSubject, Unkept } from '../subject.ts';

interface User {
  readonly id: bigint;
  readonly name: string;
}

const userKey = {
  type: 'record',
  name: 'UserKey',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'name', type: 'string' },
  ],
} as const;

const users: Topic<User, string> = {
  name: 'users',
  kind: 'table',
  partitions: 1,
  key: userKey,
  value: 'string',
};
const sales: Topic<string, bigint> = {
  name: 'sales',
  kind: 'stream',
  partitions: 1,
  key: 'string',
  value: 'long',
};
const long: Schema<bigint> = { avro: 'long' };
const sum = { initial: () => 0n, add: (total: bigint, amount: bigint) => total + amount };

const driver = testDriver(
  topology('shop', (builder) => {
    builder.table(users);
    builder.stream(sales).windowedBy({ tumbling: 10 }, { grace: 5 }).aggregate('hourly', long, sum);
  }),
);
driver.pipe(users, { id: 7n, name: 'Ada' }, 'a row', { timestamp: 5 });
driver.pipe(sales, 's1', 5n, { timestamp: 6 });

const queries = new StateQueries();
queries.attach({ unready: () => null, isCommitted: () => true, state: () => driver.state() });
const answer = (url: URL) => answerQuery(queries, () => Promise.resolve(null), url);

const PATHS = [
  '/state/users/get?key=%7B%22id%22%3A7%2C%22name%22%3A%22Ada%22%7D',
  '/state/users/range?limit=10',
  '/state/hourly/windows?key=s1&from=0&to=100',
  '/why?key=s1',
  '/state',
  '/metrics',
  '/readyz?x=1',
  '//',
  '/state/hourly/constructor',
];

/** No answer has so many bytes. */
const ANSWER_BYTES_MAX = 1024 * 1024;
const ANSWER_MAX_MS = 10_000;
/** Says nothing of the server: thousands of connections a minute are more than some machines' loopback opens. */
const NO_WAY = 'EHOSTUNREACH';

/** What the server sends until it, or we, have said all. */
async function exchange(port: number, request: Buffer): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  let text = '';
  try {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Unkept('no answer')), ANSWER_MAX_MS);
      const done = (): void => {
        clearTimeout(late);
        resolve();
      };
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        if (text.length > ANSWER_BYTES_MAX) reject(new Unkept(`an answer of ${text.length} bytes`));
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === NO_WAY) text = NO_WAY;
        // A server that ends the connection in the middle of what we send has answered.
        done();
      });
      socket.on('close', done);
      socket.end(request);
    });
  } finally {
    socket.destroy();
  }
  return text;
}

function withMetrics(): Metrics {
  const metrics = new Metrics();
  metrics.counter(METRIC.sinkRows, 'rows', ['table']).inc({ table: 't' }, 3);
  return metrics;
}

async function askOverSocket(bytes: Buffer): Promise<void> {
  await using server = await startHttpServer({
    port: 0,
    host: '127.0.0.1',
    metrics: withMetrics(),
    readiness: () => null,
    pages: { '/copies': () => [] },
    answer,
  });
  const answered = await exchange(server.port, bytes);
  if (/^HTTP\/1\.1 500/m.test(answered)) throw new Unkept(`a question that fails: ${answered.slice(0, 200)}`);
  const live = await exchange(
    server.port,
    Buffer.from('GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'),
  );
  if (live !== NO_WAY && !live.startsWith('HTTP/1.1 200'))
    throw new Unkept(`the server is gone: ${live.slice(0, 200)}`);
}

async function askQuestion(bytes: Buffer): Promise<void> {
  const url = URL.parse(bytes.toString('utf8'), 'http://localhost');
  if (url === null) return;
  const given = await answer(url);
  JSON.stringify(given?.body);
}

export const QUESTION_SUBJECTS: readonly FuzzSubject[] = [
  {
    name: 'http-request',
    samples: PATHS.map((path) => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)),
    run: askOverSocket,
  },
  { name: 'state-question', samples: PATHS.map((path) => Buffer.from(path)), run: askQuestion },
];
