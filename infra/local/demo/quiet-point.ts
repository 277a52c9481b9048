import { type Admin, Kafka, logLevel } from 'kafkajs';
import type { Client } from 'pg';
import type { Clock } from '../../process/clock.ts';
import { Failure } from '../../process/failure.ts';
import { type ChainPlace, slotName } from './chain.ts';

/** A consumer group and the topics that it reads, in the order of the chain. */
interface Stage {
  readonly group: string;
  readonly topics: readonly string[];
}

const POLL_MS = 50;
/** Who waits longer than this is told what for. */
const TELL_EVERY_MS = 2_000;

function stages(prefix: string): readonly Stage[] {
  const revenue = `${prefix}-customer-revenue`;
  return [
    {
      group: `${prefix}-order-fulfilment`,
      topics: [`${prefix}.public.orders`, `${prefix}.public.shipments`],
    },
    { group: revenue, topics: [`${prefix}.public.order_lines`, `${prefix}.public.customers`] },
    { group: revenue, topics: [`${revenue}-lines-by-customer-repartition`] },
    { group: `${prefix}-sink`, topics: [`${prefix}.order_fulfilment`, `${prefix}.customer_revenue`] },
  ];
}

/**
 * Resolves when nothing is under way between source and target: the snapshot is complete, the slot has confirmed all
 * that was committed when this was called, and then stage by stage every group has committed its inputs up to their high watermarks.
 * @throws Failure `demo.not_quiet` that names the stage which did not get there in `maxMs`
 */
export async function quietPoint(
  place: ChainPlace,
  source: Client,
  clock: Clock,
  maxMs: number,
  check: () => void,
  tell: (line: string) => void = () => undefined,
): Promise<void> {
  const kafka = new Kafka({
    clientId: 'millrace-quiet-point',
    brokers: place.kafkaBrokers.split(','),
    logLevel: logLevel.NOTHING,
  });
  const admin = kafka.admin();
  await admin.connect();
  const deadline = clock.now() + maxMs;
  const until = async (what: string, pending: () => Promise<string | null>): Promise<void> => {
    let toldMs = clock.now();
    for (;;) {
      check();
      const left = await pending().catch(notYet);
      if (left === null) return;
      if (clock.now() > deadline)
        throw new Failure('demo.not_quiet', 'stop', `${what} did not catch up in ${maxMs / 1000} s: ${left}`);
      if (clock.now() - toldMs >= TELL_EVERY_MS) {
        toldMs = clock.now();
        tell(`waiting for ${what}: ${left}`);
      }
      await clock.sleep(POLL_MS);
    }
  };
  try {
    await until('the snapshot', () => snapshotLeft(admin, place.topicPrefix));
    const { rows } = await source.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    const lsn = rows[0]?.lsn ?? '0/0';
    await until('the source', () => slotLag(source, slotName(place.topicPrefix), lsn));
    for (const stage of stages(place.topicPrefix)) {
      await until(`group ${stage.group}`, async () =>
        groupLag(admin, stage, await endOffsets(admin, stage.topics)),
      );
    }
  } finally {
    await admin.disconnect();
  }
}

/** A topic that was made a moment ago has no leader yet. @throws every error that does not pass by itself */
function notYet(error: unknown): string {
  if (error instanceof Error && 'retriable' in error && error.retriable === true) return error.message;
  throw error;
}

/** A slot has confirmed its own beginning before a row of the snapshot is read; the first progress cut comes after. */
async function snapshotLeft(admin: Admin, prefix: string): Promise<string | null> {
  const topic = `${prefix}.progress`;
  const topics = await admin.listTopics();
  if (!topics.includes(topic)) return `topic ${topic} is not there`;
  const [partition] = await admin.fetchTopicOffsets(topic);
  return Number(partition?.high ?? 0) > 0 ? null : `topic ${topic} is empty`;
}

async function slotLag(source: Client, slot: string, lsn: string): Promise<string | null> {
  const { rows } = await source.query<{ behind: string | null }>(
    'SELECT $2::pg_lsn - confirmed_flush_lsn AS behind FROM pg_replication_slots WHERE slot_name = $1',
    [slot, lsn],
  );
  const behind = rows[0]?.behind;
  if (behind === undefined || behind === null) return `slot ${slot} is not there`;
  return Number(behind) <= 0 ? null : `slot ${slot} is ${behind} bytes behind ${lsn}`;
}

/** `<topic>-<partition>` to the offset after its last record. */
type Offsets = ReadonlyMap<string, number>;

async function endOffsets(admin: Admin, topics: readonly string[]): Promise<Offsets> {
  const ends = new Map<string, number>();
  for (const topic of topics) {
    const partitions = await admin.fetchTopicOffsets(topic);
    for (const { partition, high } of partitions) ends.set(`${topic}-${partition}`, Number(high));
    if (partitions.length === 0) ends.set(`${topic}-?`, Number.POSITIVE_INFINITY);
  }
  return ends;
}

async function groupLag(admin: Admin, { group, topics }: Stage, ends: Offsets): Promise<string | null> {
  const committed = new Map<string, number>();
  for (const { topic, partitions } of await admin.fetchOffsets({ groupId: group, topics: [...topics] }))
    for (const { partition, offset } of partitions) committed.set(`${topic}-${partition}`, Number(offset));
  for (const [partition, end] of ends) {
    const offset = committed.get(partition) ?? -1;
    if (end > Math.max(0, offset)) return `${partition} is at ${offset} of ${end}`;
  }
  return null;
}
