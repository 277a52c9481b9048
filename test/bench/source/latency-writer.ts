import { Client } from 'pg';

/** What the writer is told, as JSON. */
export interface WriterSpec {
  readonly url: string;
  /** Of a transaction; each `{id}` in it becomes its number. */
  readonly sql: string;
  readonly firstId: number;
  readonly transactions: number;
  readonly perSecond: number;
}

/** Milliseconds of the machine's monotonic clock, which all its processes share. */
export interface Written {
  /** When each transaction was to be sent, whatever had become of the ones before. */
  readonly due: readonly number[];
  /** When its commit had returned. */
  readonly committed: readonly number[];
}

/** A slow commit must not hold back the ones that are due meanwhile. */
const CONNECTIONS = 8;
const TICK_MS = 1;

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Sends transaction after transaction when it is due: an open loop. */
async function write({ url, sql, firstId, transactions, perSecond }: WriterSpec): Promise<Written> {
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(url)));
  const free = [...clients];
  const started = nowMs();
  const due = Array.from({ length: transactions }, (_, i) => started + (i * 1_000) / perSecond);
  const committed = Array.from({ length: transactions }, () => 0);
  const done = Promise.withResolvers<void>();
  let sent = 0;
  let ended = 0;
  const send = async (client: Client, i: number): Promise<void> => {
    await client.query(sql.replaceAll('{id}', String(firstId + i)));
    committed[i] = nowMs();
    free.push(client);
    if (++ended === transactions) done.resolve();
  };
  const timer = setInterval(() => {
    const now = nowMs();
    while (sent < transactions && due[sent]! <= now && free.length > 0)
      send(free.pop()!, sent++).catch((error: unknown) => done.reject(error));
  }, TICK_MS);
  await done.promise;
  clearInterval(timer);
  await Promise.all(clients.map((client) => client.end()));
  return { due, committed };
}

const spec = JSON.parse(process.argv[2] ?? '') as WriterSpec;
process.stdout.write(`${JSON.stringify(await write(spec))}\n`);
