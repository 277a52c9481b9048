import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { type ChainPlace, roleSpec } from '../../../infra/local/demo/chain.ts';
import { connect, createDatabase, dropDatabase } from '../../../infra/local/demo/databases.ts';
import { RoleProcess } from '../../../infra/local/demo/role-process.ts';
import { SOURCE_TABLES_SQL } from '../../../infra/local/demo/source-tables.ts';
import { thisMachine } from '../../../infra/local/machine.ts';
import { createRunFolder } from '../../../infra/local/run-folder.ts';
import { stackOptions, stackRequest } from '../../../infra/local/stack-options.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { type OptionSpecs, parseOptions } from '../../../infra/process/options.ts';
import { count } from '../../../infra/process/role-options.ts';
import { type Figure, percentile } from '../figures.ts';
import { type BenchPlace, openPlace, untilInterrupted } from '../source/bench-place.ts';
import { deleteSubjects, deleteTopics } from '../source/bench-database.ts';
import type { WriterSpec, Written } from '../source/latency-writer.ts';
import { type AwaitedRows, nowMs, watchRows } from './row-watch.ts';

const COMMAND = 'npm run bench -- end-to-end';
const ARRIVAL_MAX_MS = 60_000;
const START_MAX_MS = 60_000;
const START_LOOK_MS = 100;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
const CUSTOMERS = 1_000;
const AIMS_MS = { p50: 80, p99: 250 } as const;

const METHOD = `Postgres, Kafka, the registry, the source, the pipeline orders-denorm (orders joined with customers by foreign key, in
exactly once), the sink, a writer and a reader, each a process, on this machine, with the options that they have by default.
${CUSTOMERS} customers are there; orders are inserted, one a transaction, when they are due, whatever became of the ones before
(an open loop over 8 connections). A reader asks the joined table for the orders that it misses, again 2 ms after each answer.
commit: from the moment COMMIT had returned at the source to the moment an answer has the row. due: from the moment
the transaction was to be sent. The first seconds are not counted. In the end the table is compared with the join in SQL.`;

const OPTIONS = {
  ...stackOptions,
  perSecond: { schema: count.default(500), help: 'transactions per second' },
  seconds: { schema: count.default(60), help: 'measured seconds' },
  warmUpSeconds: { schema: count.default(15), help: 'seconds before them' },
  json: {
    schema: z.stringbool().default(false),
    help: 'one line of JSON per figure, nothing else on stdout',
    isSwitch: true,
  },
} as const satisfies OptionSpecs;

interface Load {
  readonly perSecond: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

const ORDER_SQL = `INSERT INTO orders SELECT 'o' || lpad('{id}', 9, '0'), date '2026-01-01' + {id} % 365,
  'c' || {id} * 7919::int8 % ${CUSTOMERS}, 'West'`;

const DENORM = `SELECT o.order_id, o.order_date, o.region, c.customer_id, c.name AS customer_name, c.segment
  FROM orders o JOIN customers c USING (customer_id)`;
const TABLE = `SELECT order_id, order_date, region, customer_id, customer_name, segment FROM orders_denorm`;
const digestOf = (rows: string): string =>
  `SELECT count(*) || ' rows, ' || coalesce(md5(string_agg(r::text, chr(10) ORDER BY order_id)), '') AS digest FROM (${rows}) r`;

/** @throws Failure `config.invalid`, `local.*`; Error when rows are missing or differ */
export async function endToEnd(argv: readonly string[]): Promise<number> {
  const parsed = parseOptions(COMMAND, OPTIONS, argv, process.env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return 0;
  }
  const { options } = parsed;
  if (!options.json) process.stdout.write(`${METHOD}\n`);
  await using place = await openPlace(
    stackRequest(options, (line) => void process.stderr.write(`${line}\n`)),
  );
  const figures = await untilInterrupted(place, () => measure(place, options));
  for (const figure of figures)
    process.stdout.write(`${options.json ? JSON.stringify(figure) : line(figure)}\n`);
  return 0;
}

async function measure(place: BenchPlace, load: Load): Promise<readonly Figure[]> {
  const chain = await startChain(place);
  const source = await connect(chain.sourceUrl);
  place.cleanup.defer(() => source.end());
  const target = await connect(chain.targetUrl);
  place.cleanup.defer(() => target.end());
  const known = "SELECT 1 FROM millrace.progress WHERE view = 'public.orders_denorm' AND lsn IS NOT NULL";
  const giveUpMs = nowMs() + START_MAX_MS;
  const isKnown = (): Promise<boolean> =>
    target.query(known).then(
      ({ rowCount }) => rowCount === 1,
      () => false,
    );
  while (!(await isKnown())) {
    if (nowMs() > giveUpMs) throw new Error('the chain did not come up; its logs tell why');
    await systemClock.sleep(START_LOOK_MS);
  }
  const { perSecond, seconds, warmUpSeconds } = load;
  const transactions = perSecond * (seconds + warmUpSeconds);
  place.say(`${perSecond} transactions a second, for ${warmUpSeconds} + ${seconds} s`);
  const spec: WriterSpec = { url: chain.sourceUrl, sql: ORDER_SQL, firstId: 1, transactions, perSecond };
  const program = join(import.meta.dirname, '../source/latency-writer.ts');
  const writing = promisify(execFile)(process.execPath, [program, JSON.stringify(spec)], {
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  writing.catch(() => undefined);
  const awaited: AwaitedRows = {
    sql: 'SELECT order_id FROM orders_denorm WHERE order_id >= $1 ORDER BY order_id LIMIT $2',
    idOf: (row) => `o${String(row).padStart(9, '0')}`,
    rowOf: (id) => Number(id.slice(1)),
    first: 1,
    count: transactions,
  };
  const until = nowMs() + (seconds + warmUpSeconds) * 1_000 + ARRIVAL_MAX_MS;
  const seen = await watchRows(target, awaited, until);
  const written = JSON.parse((await writing).stdout) as Written;
  const [theirs, ours] = await Promise.all([
    source.query<{ digest: string }>(digestOf(DENORM)),
    target.query<{ digest: string }>(digestOf(TABLE)),
  ]);
  const [expected, found] = [theirs.rows[0]?.digest, ours.rows[0]?.digest];
  if (expected !== found) throw new Error(`orders_denorm has ${found}, the join at the source ${expected}`);
  place.say(`orders_denorm equals the join at the source: ${found}`);
  return (['commit', 'due'] as const).flatMap((from) => {
    const times = from === 'commit' ? written.committed : written.due;
    const since = seen.map((at, i) => Math.max(0, at - (times[i] ?? 0))).slice(warmUpSeconds * perSecond);
    return figuresOf(from, since.sort());
  });
}

/** The roles, with databases of their own; all of it goes with the place. */
async function startChain({ stack, cleanup }: BenchPlace): Promise<ChainPlace> {
  const prefix = `e2e_${process.pid}`;
  const { kafkaBrokers, registryUrl } = stack;
  cleanup.defer(() => deleteSubjects(registryUrl, prefix));
  cleanup.defer(() => deleteTopics(kafkaBrokers, prefix));
  const sourceUrl = await createDatabase(stack.sourceUrl, `${prefix}_shop`);
  cleanup.defer(() => dropDatabase(stack.sourceUrl, `${prefix}_shop`));
  const targetUrl = await createDatabase(stack.targetUrl, `${prefix}_analytics`);
  cleanup.defer(() => dropDatabase(stack.targetUrl, `${prefix}_analytics`));
  const client = await connect(sourceUrl);
  await client.query(SOURCE_TABLES_SQL);
  await client.query(
    `INSERT INTO customers SELECT 'c' || i, 'customer ' || i, 'Consumer' FROM generate_series(0, ${CUSTOMERS - 1}) i`,
  );
  await client.end();
  const machine = thisMachine();
  const run = await createRunFolder(machine);
  cleanup.defer(() => run.remove());
  const place: ChainPlace = { kafkaBrokers, registryUrl, sourceUrl, targetUrl, topicPrefix: prefix };
  const processor = roleSpec('order-fulfilment', place);
  const sink = roleSpec('sink', place);
  const specs = [
    roleSpec('source', place),
    { ...processor, name: 'orders-denorm', env: { ...processor.env, MILLRACE_PIPELINE: 'orders-denorm' } },
    { ...sink, env: { ...sink.env, MILLRACE_TABLES: 'orders_denorm=public.orders_denorm' } },
  ];
  for (const spec of specs) {
    const env = { ...spec.env, MILLRACE_STATE_DIR: join(run.path, 'state') };
    cleanup.use(new RoleProcess({ ...spec, env }, run, machine));
  }
  return place;
}

function figuresOf(from: string, sorted: Float64Array): readonly Figure[] {
  return [0.5, 0.99, 1].map((part) => ({
    bench: 'end-to-end',
    case: `${part === 1 ? 'max' : `p${part * 100}`} from ${from}`,
    metric: 'ms',
    ours: Number(percentile(sorted, part).toFixed(1)),
    runs: sorted.length,
  }));
}

function line({ case: name, ours, runs }: Figure): string {
  const aim = name === 'p50 from commit' ? AIMS_MS.p50 : name === 'p99 from commit' ? AIMS_MS.p99 : null;
  const verdict = aim === null ? '' : `, aim under ${aim}: ${ours < aim ? 'met' : 'missed'}`;
  return `${name.padEnd(16)} ${ours} ms of ${runs} transactions${verdict}`;
}
