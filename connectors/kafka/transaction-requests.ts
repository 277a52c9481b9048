import { IDEMPOTENT_WRITE, onGroup, onTopic, onTransactionalId } from './access.ts';
import { byTopic } from './by-topic.ts';
import type { BrokerAddress, Connections, WireRequest } from './connections.ts';
import { check, failureOf } from './error-code.ts';
import { describeMembership } from './group-requests.ts';
import type { GroupMetadata, PartitionOffset, TopicPartition } from './port.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

/** A producer as the transaction coordinator knows it. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

const NO_IDENTITY: ProducerIdentity = { producerId: -1, producerEpoch: -1 };

/**
 * InitProducerId version 4 (KIP-360). With the current identity it raises the epoch only for its owner; without one
 * it fences whoever owns the id. A producer without transactions (null) gets an id of its own each time.
 */
export function initProducerIdRequest(
  transactionalId: string | null,
  transactionTimeoutMs: number,
  current: ProducerIdentity = NO_IDENTITY,
): WireRequest<ProducerIdentity> {
  const body = new WireWriter().compactString(transactionalId).int32(transactionTimeoutMs);
  body.int64(current.producerId).int16(current.producerEpoch).noTags();
  return {
    apiKey: 22,
    apiName: 'InitProducerId',
    apiVersion: 4,
    flexible: true,
    body: [body.bytes()],
    decode: (reader) => {
      reader.int32(); // throttle time
      check(
        reader.int16(),
        `initialising ${transactionalId === null ? 'a producer' : `transactional id ${transactionalId}`}`,
        transactionalId === null ? IDEMPOTENT_WRITE : onTransactionalId(transactionalId),
      );
      return { producerId: reader.int64(), producerEpoch: reader.int16() };
    },
  };
}

export async function addPartitions(
  connections: Connections,
  coordinator: BrokerAddress,
  transactionalId: string,
  identity: ProducerIdentity,
  partitions: readonly TopicPartition[],
): Promise<void> {
  const topics = byTopic(partitions).map((group) => ({
    topic: group.topic,
    partitions: group.partitions.map(({ partition }) => partition),
  }));
  const answer = await connections.call<{
    readonly errors: readonly {
      readonly topic: string;
      readonly partitionErrors: readonly { readonly partition: number; readonly errorCode: number }[];
    }[];
  }>(coordinator, 'AddPartitionsToTxn', 1, { transactionalId, ...identity, topics });
  const failed = answer.errors
    .flatMap(({ topic, partitionErrors }) => partitionErrors.map((error) => ({ topic, ...error })))
    // One bad partition makes the broker answer OPERATION_NOT_ATTEMPTED for the others: the cause is the other code.
    .filter(({ errorCode }) => errorCode !== 0)
    .toSorted(
      (a, b) =>
        Number(a.errorCode === OPERATION_NOT_ATTEMPTED) - Number(b.errorCode === OPERATION_NOT_ATTEMPTED),
    )[0];
  if (failed !== undefined)
    throw failureOf(
      failed.errorCode,
      `adding ${failed.topic}-${failed.partition} to a transaction of ${transactionalId}`,
      onTopic('Write', failed.topic),
      onTransactionalId(transactionalId),
    );
}

const OPERATION_NOT_ATTEMPTED = 55;

export async function addOffsets(
  connections: Connections,
  coordinator: BrokerAddress,
  transactionalId: string,
  identity: ProducerIdentity,
  groupId: string,
): Promise<void> {
  const answer = await connections.call<{ readonly errorCode: number }>(coordinator, 'AddOffsetsToTxn', 1, {
    transactionalId,
    ...identity,
    groupId,
  });
  check(
    answer.errorCode,
    `adding offsets of group ${groupId} to a transaction of ${transactionalId}`,
    onGroup(groupId),
    onTransactionalId(transactionalId),
  );
}

export async function endTransaction(
  connections: Connections,
  coordinator: BrokerAddress,
  transactionalId: string,
  identity: ProducerIdentity,
  outcome: 'commit' | 'abort',
): Promise<void> {
  const answer = await connections.call<{ readonly errorCode: number }>(coordinator, 'EndTxn', 1, {
    transactionalId,
    ...identity,
    transactionResult: outcome === 'commit',
  });
  check(
    answer.errorCode,
    `${outcome === 'commit' ? 'committing' : 'aborting'} a transaction of ${transactionalId}`,
    onTransactionalId(transactionalId),
  );
}

/** TxnOffsetCommit version 3: the coordinator refuses offsets of an old generation (KIP-447). */
export function txnOffsetCommitRequest(
  transactionalId: string,
  identity: ProducerIdentity,
  group: GroupMetadata,
  offsets: readonly PartitionOffset[],
): WireRequest<void> {
  const body = new WireWriter().compactString(transactionalId).compactString(group.groupId);
  body.int64(identity.producerId).int16(identity.producerEpoch);
  body.int32(group.generationId).compactString(group.memberId);
  body.compactString(group.groupInstanceId ?? null);
  body.compactArray(byTopic(offsets), ({ topic, partitions }) => {
    body.compactString(topic);
    body.compactArray(partitions, ({ partition, offset }) =>
      body.int32(partition).int64(offset).int32(-1).compactString(null).noTags(),
    );
    body.noTags();
  });
  body.noTags();
  return {
    apiKey: 28,
    apiName: 'TxnOffsetCommit',
    apiVersion: 3,
    flexible: true,
    body: [body.bytes()],
    decode: (reader) => checkOffsetAnswers(reader, group, transactionalId),
  };
}

function checkOffsetAnswers(reader: WireReader, group: GroupMetadata, transactionalId: string): void {
  reader.int32(); // throttle time
  reader.compactArray(() => {
    const topic = reader.compactString() ?? '';
    reader.compactArray(() => {
      const partition = reader.int32();
      check(
        reader.int16(),
        `committing ${topic}-${partition} for ${describeMembership(group)}`,
        onTopic('Read', topic),
        onGroup(group.groupId),
        onTransactionalId(transactionalId),
      );
      reader.skipTags();
    });
    reader.skipTags();
  });
}
