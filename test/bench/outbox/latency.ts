import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { z } from 'zod';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { Fetcher, Kafka } from '../../../connectors/kafka/port.ts';
import { startStack } from '../../../infra/local/start-stack.ts';
import type { Stack } from '../../../infra/local/stack.ts';
import { stackOptions, stackRequest } from '../../../infra/local/stack-options.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { parseOptions } from '../../../infra/process/options.ts';

const SOURCE = fileURLToPath(new URL('../../../connectors/postgres-source/main.ts', import.meta.url));
const POLL_MAX_MS = 1_000;
/** The first events find connections, code and caches cold. */
const WARM_UP = 50;

const METHOD = `One transaction at a time writes a row and its event at the given pace, on servers of this machine. Each event is
timed from the moment the writer's COMMIT has returned to the moment a read-committed consumer has it in hand. The first
${WARM_UP} are not counted. table: a row of an outbox table, inserted and deleted. message: pg_logical_emit_message.`;

const OPTIONS = {
  ...stackOptions,
  events: { schema: z.coerce.number().int().positive().default(500), help: 'events that are timed' },
  perSecond: { schema: z.coerce.number().positive().default(50), help: 'transactions written per second' },
};

const FORMS = {
  table: (
    id: number,
  ) => `INSERT INTO outbox VALUES (gen_random_uuid(), 'order', '${id}', 'Placed', '{"id": ${id}}');
    DELETE FROM outbox`,
  message: (id: number) => `SELECT pg_logical_emit_message(true, 'outbox',
    '{"aggregatetype": "order", "aggregateid": "${id}", "type": "Placed", "payload": {"id": ${id}}}')`,
} as const;

/** A database with an orders table and an outbox; its name is also the topics' prefix. */
async function createDatabase(stack: Stack): Promise<{ readonly name: string; readonly client: Client }> {
  const name = `outbox_${randomBytes(4).toString('hex')}`;
  await onServer(stack, `CREATE DATABASE ${name}`);
  const url = new URL(stack.sourceUrl);
  url.pathname = `/${name}`;
  const client = new Client({ connectionString: url.href });
  await client.connect();
  await client.query(`CREATE TABLE orders (id int PRIMARY KEY, note text);
    CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload jsonb)`);
  return { name, client };
}

async function onServer(stack: Stack, sql: string): Promise<void> {
  const admin = new Client({ connectionString: stack.sourceUrl });
  await admin.connect();
  await admin.query(sql);
  await admin.end();
}

/** The source as a process of its own, once it streams. */
async function startSource(stack: Stack, name: string): Promise<AsyncDisposable> {
  const url = new URL(stack.sourceUrl);
  url.pathname = `/${name}`;
  const flags = {
    'database-url': url.href,
    'kafka-bootstrap-servers': stack.kafkaBrokers,
    'schema-registry-url': stack.registryUrl,
    'topic-prefix': name,
    'slot-name': name,
    partitions: '1',
    tables: 'public.orders',
    'outbox-table': 'public.outbox',
    'outbox-aggregate-types': 'order',
  };
  const argv = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  const child = spawn(process.execPath, [SOURCE, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (line.includes('"msg":"streaming"')) resolve();
    });
    void exited.then(() => reject(new Error(`the source ended:\n${lines.join('\n')}`)));
  });
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** When each event arrived, in the order of arrival. Ends with the `count`th. */
async function arrivals(fetcher: Fetcher, count: number, times: number[]): Promise<void> {
  while (times.length < count)
    for (const batch of await fetcher.poll(POLL_MAX_MS)) {
      const now = performance.now();
      for (const _ of batch.records) times.push(now);
    }
}

/** Latencies in milliseconds, ascending. Events of one partition arrive as they were written. */
async function measure(
  kafka: Kafka,
  { name, client }: Awaited<ReturnType<typeof createDatabase>>,
  form: keyof typeof FORMS,
  events: number,
  perSecond: number,
  firstId: number,
): Promise<number[]> {
  const partition = { topic: `${name}.outbox.event.order`, partition: 0 };
  const [offset = 0] = await kafka.listOffsets([partition], 'last-stable');
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ ...partition, offset }]);
  const committed: number[] = [];
  const arrived: number[] = [];
  const reading = arrivals(fetcher, WARM_UP + events, arrived);
  const startedMs = performance.now();
  for (let i = 0; i < WARM_UP + events; i++) {
    const due = startedMs + (i * 1000) / perSecond;
    await systemClock.sleep(Math.max(0, due - performance.now()));
    const id = firstId + i;
    await client.query(`BEGIN; INSERT INTO orders VALUES (${id}, 'new'); ${FORMS[form](id)}; COMMIT`);
    committed.push(performance.now());
  }
  await reading;
  const took = arrived.map((at, i) => Math.max(0, at - (committed[i] ?? at)));
  return took.slice(WARM_UP).toSorted((a, b) => a - b);
}

function line(form: string, took: readonly number[]): string {
  const at = (part: number): string => (took[Math.floor((took.length - 1) * part)] ?? 0).toFixed(1);
  return `${form.padEnd(8)} ${took.length} events   p50 ${at(0.5)} ms   p95 ${at(0.95)} ms   p99 ${at(0.99)} ms   max ${at(1)} ms\n`;
}

/** How long an event takes from its commit to a read-committed consumer. */
export async function outboxLatency(argv: readonly string[]): Promise<number> {
  const parsed = parseOptions('npm run bench -- outbox', OPTIONS, argv, process.env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return 0;
  }
  const { events, perSecond } = parsed.options;
  process.stdout.write(`${METHOD}\n`);
  await using stack = await startStack(
    stackRequest(parsed.options, (text) => void process.stderr.write(`${text}\n`)),
  );
  const brokers = stack.kafkaBrokers.split(',');
  await using kafka = await connectKafka({
    brokers,
    clientId: 'outbox-latency',
    log: silentLog,
    clock: systemClock,
  });
  const database = await createDatabase(stack);
  {
    await using _source = await startSource(stack, database.name);
    let firstId = 0;
    for (const form of ['table', 'message'] as const) {
      const took = await measure(kafka, database, form, events, perSecond, firstId);
      process.stdout.write(line(form, took));
      firstId += WARM_UP + events;
    }
  }
  await database.client.query(`SELECT pg_drop_replication_slot('${database.name}')`);
  await database.client.end();
  await onServer(stack, `DROP DATABASE ${database.name}`);
  return 0;
}
