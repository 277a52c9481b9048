import type { BackoffPolicy } from '../../infra/process/backoff.ts';
import { must } from '../../infra/process/assert.ts';
import { onGroup, onTopic } from './access.ts';
import { byTopic, partitionKey } from './by-topic.ts';
import { REQUEST_RETRY } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Connections, WireRequest } from './connections.ts';
import { ERROR, check, failureOf } from './error-code.ts';
import { describeMembership } from './group-requests.ts';
import type { GroupMetadata, Kafka, PartitionOffset, TopicPartition } from './port.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

/** Offsets of a transaction that is being ended become stable in milliseconds, at the latest at its timeout. */
const STABLE_RETRY: BackoffPolicy = { initialMs: 10, maxMs: 250, attemptsMax: 400 };

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const LATEST = -1;
const EARLIEST = -2;

type OffsetKind = Parameters<Kafka['listOffsets']>[1];
export type OffsetLookup = Pick<Kafka, 'committedOffsets' | 'commitOffsets' | 'listOffsets'>;

/** Committed offsets and the ends of logs. */
export function offsetLookup(cluster: Cluster, connections: Connections): OffsetLookup {
  return {
    async committedOffsets(groupId, partitions) {
      if (partitions.length === 0) return [];
      const found = await cluster.withCoordinator(
        'group',
        groupId,
        (coordinator) => connections.send(coordinator, offsetFetchRequest(groupId, partitions)),
        STABLE_RETRY,
      );
      return partitions.map((partition) => found.get(partitionKey(partition)) ?? null);
    },

    async commitOffsets(group, offsets) {
      if (offsets.length === 0) return;
      await cluster.withCoordinator('group', group.groupId, (coordinator) =>
        connections.send(coordinator, offsetCommitRequest(group, offsets)),
      );
    },

    listOffsets: (partitions, which) => listOffsets(cluster, connections, partitions, which),
  };
}

/** OffsetCommit version 7, the first that names a static member. The broker keeps the offsets for as long as it does by default. */
function offsetCommitRequest(group: GroupMetadata, offsets: readonly PartitionOffset[]): WireRequest<void> {
  const body = new WireWriter().string(group.groupId).int32(group.generationId).string(group.memberId);
  body.string(group.groupInstanceId ?? null);
  body.array(byTopic(offsets), ({ topic, partitions }) => {
    body.string(topic);
    body.array(partitions, ({ partition, offset }) =>
      body.int32(partition).int64(offset).int32(-1).string(null),
    );
  });
  return {
    apiKey: 8,
    apiName: 'OffsetCommit',
    apiVersion: 7,
    flexible: false,
    body: [body.bytes()],
    decode: (reader) => checkCommitted(reader, group),
  };
}

function checkCommitted(reader: WireReader, group: GroupMetadata): void {
  reader.int32(); // throttle time
  reader.array(() => {
    const topic = reader.string() ?? '';
    reader.array(() => {
      const partition = reader.int32();
      check(
        reader.int16(),
        `committing ${topic}-${partition} for ${describeMembership(group)}`,
        onTopic('Read', topic),
        onGroup(group.groupId),
      );
    });
  });
}

/** OffsetFetch version 7 with require_stable (KIP-447). */
function offsetFetchRequest(
  groupId: string,
  partitions: readonly TopicPartition[],
): WireRequest<ReadonlyMap<string, number>> {
  const body = new WireWriter().compactString(groupId);
  body.compactArray(byTopic(partitions), (group) => {
    body.compactString(group.topic);
    body.compactArray(group.partitions, ({ partition }) => body.int32(partition)).noTags();
  });
  body.bool(true).noTags();
  return {
    apiKey: 9,
    apiName: 'OffsetFetch',
    apiVersion: 7,
    flexible: true,
    body: [body.bytes()],
    decode: (reader) => readCommitted(reader, groupId),
  };
}

function readCommitted(reader: WireReader, groupId: string): ReadonlyMap<string, number> {
  const offsets = new Map<string, number>();
  let firstError: number = ERROR.none;
  reader.int32(); // throttle time
  reader.compactArray(() => {
    const topic = reader.compactString() ?? '';
    reader.compactArray(() => {
      const partition = reader.int32();
      const offset = reader.int64();
      reader.int32(); // leader epoch
      reader.compactString(); // metadata
      const errorCode = reader.int16();
      firstError ||= errorCode;
      reader.skipTags();
      if (offset >= 0) offsets.set(partitionKey({ topic, partition }), offset);
    });
    reader.skipTags();
  });
  check(reader.int16() || firstError, `reading the committed offsets of group ${groupId}`, onGroup(groupId));
  return offsets;
}

/** Asks each partition's leader; a leader that moved is looked up again. */
async function listOffsets(
  cluster: Cluster,
  connections: Connections,
  partitions: readonly TopicPartition[],
  which: OffsetKind,
): Promise<readonly number[]> {
  const found = new Map<string, number>();
  await cluster.retry(REQUEST_RETRY, async () => {
    const missing = partitions.filter((partition) => !found.has(partitionKey(partition)));
    const unknown = missing.filter(({ topic, partition }) => cluster.leader(topic, partition) === undefined);
    if (unknown.length > 0) await cluster.locate(unknown);
    const byLeader = Map.groupBy(missing, ({ topic, partition }) => cluster.leader(topic, partition) ?? -1);
    for (const [leader, led] of byLeader) {
      if (leader < 0)
        throw failureOf(ERROR.leaderNotAvailable, `listing offsets of ${partitionKey(led[0]!)}`);
      try {
        await connections.send(cluster.address(leader), listOffsetsRequest(led, which, found));
      } catch (error) {
        for (const { topic } of led) cluster.forgetLeader(topic);
        throw error;
      }
    }
  });
  return partitions.map((partition) =>
    must(found.get(partitionKey(partition)), `no offset of ${partition.topic}`),
  );
}

/** ListOffsets version 3: with isolation level 1 the end is the last stable offset, with 0 the high watermark. */
function listOffsetsRequest(
  partitions: readonly TopicPartition[],
  which: OffsetKind,
  into: Map<string, number>,
): WireRequest<void> {
  const body = new WireWriter().int32(-1).int8(which === 'last-stable' ? READ_COMMITTED : READ_UNCOMMITTED);
  body.array(byTopic(partitions), (group) => {
    body.string(group.topic);
    body.array(group.partitions, ({ partition }) =>
      body.int32(partition).int64(which === 'earliest' ? EARLIEST : LATEST),
    );
  });
  return {
    apiKey: 2,
    apiName: 'ListOffsets',
    apiVersion: 3,
    flexible: false,
    body: [body.bytes()],
    decode: (reader) => readListed(reader, into),
  };
}

function readListed(reader: WireReader, into: Map<string, number>): void {
  let failed: Error | undefined;
  reader.int32(); // throttle time
  reader.array(() => {
    const topic = reader.string() ?? '';
    reader.array(() => {
      const partition = reader.int32();
      const errorCode = reader.int16();
      reader.int64(); // timestamp
      const offset = reader.int64();
      if (errorCode === ERROR.none) into.set(partitionKey({ topic, partition }), offset);
      else
        failed ??= failureOf(
          errorCode,
          `listing the offsets of ${topic}-${partition}`,
          onTopic('Describe', topic),
        );
    });
  });
  if (failed !== undefined) throw failed;
}
