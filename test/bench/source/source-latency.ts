import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { readVarint } from '../../../connectors/kafka/varint.ts';
import {
  BACKFILL_MESSAGE,
  encodeBackfill,
} from '../../../connectors/postgres-source/copies/backfill-request.ts';
import { stackOptions, stackRequest } from '../../../infra/local/stack-options.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { parseOptions } from '../../../infra/process/options.ts';
import type { OptionSpecs } from '../../../infra/process/options.ts';
import { count } from '../../../infra/process/role-options.ts';
import { FRAME_BYTES } from '../../../schemas/serde/wire-format.ts';
import { TABLE_CONFIG } from '../../../schemas/topic.ts';
import type { Figure } from '../figures.ts';
import { createBenchDatabase } from './bench-database.ts';
import type { BenchDatabase } from './bench-database.ts';
import { openPlace, untilInterrupted } from './bench-place.ts';
import type { BenchPlace } from './bench-place.ts';
import { startDebezium } from './debezium-worker.ts';
import type { WriterSpec, Written } from './latency-writer.ts';
import { FINISH, ORDERS, ORDER_SQL } from './orders-table.ts';
import { startSourceRole } from './source-role.ts';

const COMMAND = 'npm run bench -- source-latency';
const POLL_MAX_MS = 1_000;
const ARRIVAL_MAX_MS = 60_000;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
const AIMS_MS = { p50: 20, p99: 60 } as const;

const METHOD = `Postgres, Kafka, the registry, the source (a process), the writer (a process) and a read-committed consumer on this machine.
Transactions of one row are sent when they are due, whatever became of the ones before (an open loop over 8 connections).
commit: from the moment COMMIT had returned to the moment the consumer has the record in hand. due: from the moment the
transaction was to be sent, so that a stall counts for everything that it delays. The first seconds are not counted.
With --backfill-rows another table of so many rows is copied meanwhile, and begun again every 5 s.
debezium: as in bench -- source, but with the default batch sizes of Debezium, and no linger.`;

const OPTIONS = {
  ...stackOptions,
  perSecond: { schema: count.default(500), help: 'transactions per second' },
  seconds: { schema: count.default(60), help: 'measured seconds' },
  warmUpSeconds: { schema: count.default(10), help: 'seconds before them' },
  partitions: { schema: count.default(4), help: 'partitions of the topic' },
  backfillRows: {
    schema: z.coerce.number().int().min(0).default(0),
    help: 'rows of another table that is copied again and again meanwhile; 0 for none',
  },
  debezium: { schema: z.stringbool().default(false), help: 'measure Debezium beside it', isSwitch: true },
  json: {
    schema: z.stringbool().default(false),
    help: 'one line of JSON per figure, nothing else on stdout',
    isSwitch: true,
  },
} as const satisfies OptionSpecs;

type From = 'commit' | 'due';
/** Milliseconds, ascending. */
type Latencies = Readonly<Record<From, readonly number[]>>;

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

interface Load {
  readonly backfillRows: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly partitions: number;
}

/** @throws Failure `config.invalid`, `bench.*`, `local.*` */
export async function sourceLatency(argv: readonly string[]): Promise<number> {
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
  const { ours, theirs } = await untilInterrupted(place, async () => {
    const database = await createBenchDatabase(place);
    const source = await measureSource(place, database, options);
    return {
      ours: source,
      theirs: options.debezium ? await measureDebezium(place, database, options) : null,
    };
  });
  for (const figure of latencyFigures(ours, theirs))
    process.stdout.write(`${options.json ? JSON.stringify(figure) : line(figure)}\n`);
  return 0;
}

async function measureSource(
  place: BenchPlace,
  database: BenchDatabase,
  load: Load & { readonly partitions: number },
): Promise<Latencies> {
  const { name } = database;
  const { backfillRows } = load;
  if (backfillRows > 0) await database.client.query(oldOrdersSql(backfillRows));
  const tables = [ORDERS, FINISH, ...(backfillRows > 0 ? [OLD_ORDERS] : [])].join();
  const flags = { partitions: String(load.partitions), tables };
  const role = startSourceRole(place, database, { slot: name, prefix: name }, flags);
  await role.logged('"msg":"streaming"');
  const stop = new AbortController();
  const copying = backfillRows > 0 ? copyAgain(database, stop.signal) : Promise.resolve();
  const latencies = await measure(place, database, `${name}.${ORDERS}`, 1, load);
  stop.abort();
  await copying;
  await role.stop();
  return latencies;
}

const OLD_ORDERS = 'public.old_orders';
const AGAIN_MS = 5_000;

const oldOrdersSql = (rows: number): string => `
  CREATE TABLE old_orders (id int8 PRIMARY KEY, note text NOT NULL);
  INSERT INTO old_orders SELECT i, repeat('an old order ', 15) || i FROM generate_series(1, ${rows}) i;
  ANALYZE old_orders`;

/** Asks for a backfill, as `npm run backfill` does, until the signal. */
async function copyAgain({ value }: BenchDatabase, signal: AbortSignal): Promise<void> {
  const oid = Number(await value(`SELECT '${OLD_ORDERS}'::regclass::oid`));
  const request = encodeBackfill({ oid, action: 'copy', where: null }, '');
  while (!signal.aborted) {
    await value(`SELECT pg_logical_emit_message(true, '${BACKFILL_MESSAGE}', '${request}')`);
    await systemClock.sleep(AGAIN_MS, signal);
  }
}

async function measureDebezium(
  place: BenchPlace,
  { name, url, value, ...database }: BenchDatabase,
  load: Load,
): Promise<Latencies> {
  const slot = `${name}_debezium`;
  const prefix = `${name}.debezium`;
  const topic = `${prefix}.${ORDERS}`;
  const { partitions } = load;
  await place.kafka.ensureTopics([{ name: topic, partitions, config: TABLE_CONFIG }]);
  const worker = await startDebezium(place, {
    name: `bench_debezium_${process.pid}`,
    compression: 'none',
    tuning: 'latency',
  });
  await worker.start({ url, slot, prefix, snapshot: 'no_data' });
  const active = `SELECT count(*) FROM pg_replication_slots WHERE slot_name = '${slot}' AND active`;
  while ((await value(active)) === '0') await systemClock.sleep(100);
  const first = 1 + load.perSecond * (load.seconds + load.warmUpSeconds);
  const latencies = await measure(place, { ...database, name, url, value }, topic, first, load);
  await worker.stop();
  return latencies;
}

async function measure(
  { kafka, say }: BenchPlace,
  { url }: BenchDatabase,
  topic: string,
  firstId: number,
  { perSecond, seconds, warmUpSeconds, partitions }: Load,
): Promise<Latencies> {
  const transactions = perSecond * (seconds + warmUpSeconds);
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  const offsets = await kafka.listOffsets(all, 'last-stable');
  await using fetcher = kafka.openFetcher();
  fetcher.assign(all.map((partition, i) => ({ ...partition, offset: offsets[i] ?? 0 })));
  say(`${perSecond} transactions a second to ${topic}, for ${warmUpSeconds} + ${seconds} s`);
  const spec: WriterSpec = { url, sql: ORDER_SQL, firstId, transactions, perSecond };
  const program = join(import.meta.dirname, 'latency-writer.ts');
  const writing = promisify(execFile)(process.execPath, [program, JSON.stringify(spec)], {
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  writing.catch(() => undefined);
  const arrived = new Float64Array(transactions);
  let missing = transactions;
  const giveUpMs = nowMs() + (seconds + warmUpSeconds) * 1_000 + ARRIVAL_MAX_MS;
  while (missing > 0) {
    for (const { records } of await fetcher.poll(POLL_MAX_MS)) {
      const now = nowMs();
      for (const { key } of records) {
        const i = idOf(key) - firstId;
        if (arrived[i] !== 0) throw new Error(`row ${firstId + i} came twice, or is none of ours`);
        arrived[i] = now;
        missing--;
      }
    }
    if (nowMs() > giveUpMs) throw new Error(`${missing} of ${transactions} rows did not come`);
  }
  const { due, committed } = JSON.parse((await writing).stdout) as Written;
  const from = warmUpSeconds * perSecond;
  const since = (times: readonly number[]): readonly number[] =>
    [...arrived]
      .map((at, i) => Math.max(0, at - (times[i] ?? 0)))
      .slice(from)
      .toSorted((a, b) => a - b);
  return { commit: since(committed), due: since(due) };
}

/** Of a framed Avro key with one long. */
function idOf(key: Buffer | null): number {
  if (key === null) throw new Error('a record has no key');
  return readVarint({ buffer: key, at: FRAME_BYTES });
}

function latencyFigures(ours: Latencies, theirs: Latencies | null): readonly Figure[] {
  const at = (sorted: readonly number[], part: number): number =>
    Number((sorted[Math.ceil(sorted.length * part) - 1] ?? 0).toFixed(2));
  return (['commit', 'due'] as const).flatMap((from) =>
    ([0.5, 0.99, 1] as const).map((part): Figure => {
      const mine = at(ours[from], part);
      const peer = theirs === null ? null : at(theirs[from], part);
      return {
        bench: 'source-latency',
        case: `${part === 1 ? 'max' : `p${part * 100}`} from ${from}`,
        metric: 'ms',
        ours: mine,
        ...(peer === null
          ? {}
          : { peer: 'debezium', theirs: peer, ratioPeer: Number((peer / mine).toFixed(2)) }),
        runs: ours[from].length,
      };
    }),
  );
}

function line({ case: name, ours, theirs, runs }: Figure): string {
  const [percentile = '', , from = ''] = name.split(' ');
  const aim =
    from === 'commit' && (percentile === 'p50' || percentile === 'p99') ? AIMS_MS[percentile] : null;
  const verdict = aim === null ? '' : `, aim under ${aim}: ${ours < aim ? 'met' : 'missed'}`;
  const peer = theirs === undefined ? '' : `, debezium ${theirs} ms`;
  return `${name.padEnd(16)} ${ours} ms of ${runs} transactions${verdict}${peer}`;
}
