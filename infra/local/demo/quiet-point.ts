import type { Client } from 'pg';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import type { Clock } from '../../process/clock.ts';
import { Failure, orderFor } from '../../process/failure.ts';
import { silentLog } from '../../process/log.ts';
import { type ChainPlace, slotName } from './chain.ts';
import { type Stage, stageLag } from './stage-lag.ts';

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
  await using kafka = await connectKafka({
    clientId: 'millrace-quiet-point',
    brokers: place.kafkaBrokers.split(','),
    log: silentLog,
    clock,
  });
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
  await until('the snapshot', () => snapshotLeft(kafka, place.topicPrefix));
  const { rows } = await source.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  const lsn = rows[0]?.lsn ?? '0/0';
  await until('the source', () => slotLag(source, slotName(place.topicPrefix), lsn));
  for (const stage of stages(place.topicPrefix))
    await until(`group ${stage.group}`, () => stageLag(kafka, stage));
}

/** A topic may still have to be made. @throws every error that does not pass by itself */
function notYet(error: unknown): string {
  if (!(error instanceof Failure)) throw error;
  if (error.code === 'kafka.topic_missing' || orderFor(error) === 'retry') return error.message;
  throw error;
}

/** A slot has confirmed its own beginning before a row of the snapshot is read; the first progress cut comes after. */
async function snapshotLeft(kafka: Kafka, prefix: string): Promise<string | null> {
  const topic = `${prefix}.progress`;
  await kafka.partitionCount(topic);
  const [end = 0] = await kafka.listOffsets([{ topic, partition: 0 }], 'last-stable');
  return end > 0 ? null : `topic ${topic} is empty`;
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
