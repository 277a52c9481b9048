import { assert } from '../../infra/process/assert.ts';
import { Failure } from '../../infra/process/failure.ts';
import { onTopic } from './access.ts';
import { byTopic, partitionKey } from './by-topic.ts';
import { REQUEST_RETRY } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Connections, WireRequest } from './connections.ts';
import { ERROR, failureOf } from './error-code.ts';
import type { Admin, Kafka, PartitionOffset, TopicPartition } from './port.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

/**
 * Milliseconds that a leader waits for its followers to have moved their log's start too. It does not see that a follower
 * has died meanwhile, but it does when asked again.
 */
const DELETE_TIMEOUT_MS = 5_000;

/**
 * Deletes what lies below offsets. `connections` should be shared with nothing that must not wait: a leader answers
 * only when its followers have followed.
 */
export function recordDeletion(
  cluster: Cluster,
  connections: Connections,
  listOffsets: Kafka['listOffsets'],
): Pick<Admin, 'deleteRecords'> {
  return {
    async deleteRecords(offsets) {
      for (const { topic, partition, offset } of offsets)
        assert(offset >= 0, `records of ${topic}-${partition} cannot be deleted below ${offset}`);
      const starts = new Map<string, number>();
      await cluster.retry(REQUEST_RETRY, async () => {
        const pending = offsets.filter((partition) => !starts.has(partitionKey(partition)));
        await deleteRound(cluster, connections, pending, (answer, wanted) =>
          settle(answer, wanted, starts, listOffsets),
        );
      });
      return offsets.map(({ topic, partition, offset }) => ({
        topic,
        partition,
        offset: starts.get(partitionKey({ topic, partition })) ?? offset,
      }));
    },
  };
}

/** Asks every leader once; an error of one is raised after the others have been asked. */
async function deleteRound(
  cluster: Cluster,
  connections: Connections,
  pending: readonly PartitionOffset[],
  settled: (answer: DeletedPartition, wanted: PartitionOffset) => Promise<void>,
): Promise<void> {
  const unknown = pending.filter(({ topic, partition }) => cluster.leader(topic, partition) === undefined);
  const failures: unknown[] = [];
  if (unknown.length > 0) await cluster.locate(unknown).catch((error: unknown) => failures.push(error));
  const byLeader = Map.groupBy(pending, ({ topic, partition }) => cluster.leader(topic, partition));
  for (const [leader, led] of byLeader)
    try {
      if (leader === undefined) throw failureOf(ERROR.leaderNotAvailable, what(led));
      const answers = await connections.send(cluster.address(leader), deleteRecordsRequest(led));
      const asked = new Map(led.map((each) => [partitionKey(each), each]));
      for (const answer of answers) {
        const wanted = asked.get(partitionKey(answer));
        if (wanted !== undefined)
          await settled(answer, wanted).catch((error: unknown) => failures.push(error));
      }
    } catch (error) {
      failures.push(error);
    }
  if (failures.length === 0) return;
  for (const { topic } of pending) cluster.forgetLeader(topic);
  throw failures.find((error) => error instanceof Failure && error.order !== 'retry') ?? failures[0];
}

async function settle(
  { topic, partition, errorCode, start }: DeletedPartition,
  { offset }: PartitionOffset,
  starts: Map<string, number>,
  listOffsets: Kafka['listOffsets'],
): Promise<void> {
  const key = partitionKey({ topic, partition });
  if (errorCode === ERROR.none) {
    starts.set(key, start);
    return;
  }
  const where = `deleting the records of ${topic}-${partition} below offset ${offset}`;
  if (errorCode === ERROR.policyViolation)
    throw new Failure('kafka.policy_violation', 'stop', `${where}: the topic is compacted`, {
      fix: 'only topics whose cleanup.policy holds delete can lose records below an offset',
    });
  if (errorCode !== ERROR.offsetOutOfRange) throw failureOf(errorCode, where, onTopic('Delete', topic));
  const [earliest = 0] = await listOffsets([{ topic, partition }], 'earliest');
  if (earliest < offset) {
    const [end] = await listOffsets([{ topic, partition }], 'high-watermark');
    throw new Failure('kafka.offset_out_of_range', 'stop', `${where}: the log ends at ${end}`, {
      fix: 'the topic was made anew, or the offset is of another topic',
    });
  }
  starts.set(key, earliest);
}

const what = ([first]: readonly PartitionOffset[]): string =>
  `deleting records of ${first === undefined ? 'a partition' : `${first.topic}-${first.partition}`}`;

interface DeletedPartition extends TopicPartition {
  readonly errorCode: number;
  /** First offset that is left. */
  readonly start: number;
}

/** DeleteRecords version 1. */
export function deleteRecordsRequest(
  offsets: readonly PartitionOffset[],
): WireRequest<readonly DeletedPartition[]> {
  const body = new WireWriter();
  body.array(byTopic(offsets), ({ topic, partitions }) => {
    body.string(topic).array(partitions, ({ partition, offset }) => body.int32(partition).int64(offset));
  });
  body.int32(DELETE_TIMEOUT_MS);
  return {
    apiKey: 21,
    apiName: 'DeleteRecords',
    apiVersion: 1,
    flexible: false,
    body: [body.bytes()],
    decode: readDeleted,
  };
}

function readDeleted(reader: WireReader): readonly DeletedPartition[] {
  const deleted: DeletedPartition[] = [];
  reader.int32(); // throttle time
  reader.array(() => {
    const topic = reader.string() ?? '';
    reader.array(() => {
      const partition = reader.int32();
      const start = reader.int64();
      deleted.push({ topic, partition, start, errorCode: reader.int16() });
    });
  });
  return deleted;
}
