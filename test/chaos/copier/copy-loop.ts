import type {
  Assignment,
  FetchedBatch,
  GroupListener,
  GroupMetadata,
  Kafka,
  PartitionOffset,
  TransactionalProducer,
} from '../../../connectors/kafka/port.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { orderFor } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { originKey } from '../comparison.ts';

const POLL_MS = 100;
const RETRY_MS = 100;
/** Longer than the longest freeze would be of no use: readers of the output wait for an open transaction. */
const TRANSACTION_TIMEOUT_MS = 6_000;
/** Share of transactions that are aborted for no reason. */
const ABORT_SHARE = 0.05;
/** The broken copier waits so long between the commit and its offsets. */
const GAP_MS = 100;

export interface CopyJob {
  readonly kafka: Kafka;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: () => number;
  readonly input: string;
  readonly output: string;
  readonly outputPartitions: number;
  readonly groupId: string;
  readonly transactionalId: string;
  readonly sessionTimeoutMs: number;
  /** Commits offsets after the transaction instead of in it: at least once. */
  readonly isBroken: boolean;
}

/** Copies until the signal aborts. Every error that the policy table does not call final is met by starting again. */
export async function runCopyLoop(job: CopyJob, signal: AbortSignal): Promise<void> {
  const { kafka, log, clock, input, groupId, sessionTimeoutMs } = job;
  let held: Assignment = new Map();
  let isStale = true;
  const take = async (assignment: Assignment): Promise<void> => {
    held = assignment;
    isStale = true;
  };
  const none = (): Promise<void> => take(new Map());
  const listener: GroupListener = { onAssigned: take, onRevoked: none, onLost: none };
  await using fetcher = kafka.openFetcher();
  await using member = await kafka.joinGroup({
    groupId,
    sessionTimeoutMs,
    listener,
    signal,
    topics: [[input]],
    strategy: 'co-partitioned',
  });
  const startAgain = async (): Promise<void> => {
    const partitions = (held.get(input) ?? []).map((partition) => ({ topic: input, partition }));
    const offsets = await kafka.committedOffsets(groupId, partitions);
    fetcher.assign(partitions.map((partition, index) => ({ ...partition, offset: offsets[index] ?? 0 })));
    isStale = false;
  };
  let producer: TransactionalProducer | null = null;
  while (!signal.aborted)
    try {
      await member.checkpoint();
      producer ??= await openProducer(job);
      if (isStale) await startAgain();
      const batches = await fetcher.poll(POLL_MS);
      if (batches.length === 0) continue;
      const working: TransactionalProducer = producer;
      isStale = !(await send(job, working, member.metadata, batches));
      if (isStale) continue;
      // A producer whose commit fails is of no use any more.
      producer = null;
      await commit(job, working, member.metadata, batches);
      producer = working;
    } catch (error) {
      const order = orderFor(error);
      log.warn({ err: error }, 'starting again from what is committed');
      if (order === 'stop' || order === 'dead-letter') throw error;
      isStale = true;
      producer = await giveUp(producer, order === 'fenced', log);
      await clock.sleep(RETRY_MS, signal);
    }
  await producer?.[Symbol.asyncDispose]();
}

const openProducer = ({ kafka, transactionalId }: CopyJob): Promise<TransactionalProducer> =>
  kafka.openProducer(transactionalId, { transactionTimeoutMs: TRANSACTION_TIMEOUT_MS });

/** Aborts what is open. @returns the producer if it can go on, else null */
async function giveUp(
  producer: TransactionalProducer | null,
  isFenced: boolean,
  log: Log,
): Promise<TransactionalProducer | null> {
  try {
    await producer?.abort();
    if (!isFenced) return producer;
  } catch (error) {
    log.warn({ err: error }, 'an abort failed');
  }
  await producer?.[Symbol.asyncDispose]();
  return null;
}

const nextOffsets = (batches: readonly FetchedBatch[]): readonly PartitionOffset[] =>
  batches.map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: nextOffset }));

/** @returns false when the transaction was aborted for no reason */
async function send(
  { output, outputPartitions, random, isBroken }: CopyJob,
  producer: TransactionalProducer,
  group: GroupMetadata,
  batches: readonly FetchedBatch[],
): Promise<boolean> {
  const copies = batches.flatMap(({ records }) =>
    records.map(({ partition, offset, timestamp, value }) => ({
      topic: output,
      partition: offset % outputPartitions,
      timestamp,
      key: Buffer.from(originKey(partition, offset)),
      value,
    })),
  );
  producer.begin();
  await producer.send(copies);
  const abortsEarly = random() < ABORT_SHARE / 2;
  if (!abortsEarly && !isBroken) await producer.sendOffsets(group, nextOffsets(batches));
  if (!abortsEarly && random() >= ABORT_SHARE / 2) return true;
  await producer.abort();
  return false;
}

async function commit(
  { kafka, clock, isBroken }: CopyJob,
  producer: TransactionalProducer,
  group: GroupMetadata,
  batches: readonly FetchedBatch[],
): Promise<void> {
  await producer.commit();
  if (!isBroken) return;
  await clock.sleep(GAP_MS);
  await kafka.commitOffsets(group, nextOffsets(batches));
}
