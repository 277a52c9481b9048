import type {
  GroupMetadata,
  Kafka,
  PartitionOffset,
  ProducerRecord,
} from '../../../connectors/kafka/port.ts';
import { describe } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';

/** As Kafka Streams' `processing.guarantee`. */
export const PROCESSING_GUARANTEES = ['exactly_once_v2', 'at_least_once'] as const;
export type ProcessingGuarantee = (typeof PROCESSING_GUARANTEES)[number];

/** What a commit brings into Kafka. */
export interface CommitRecords {
  /** Results and repartitioned records. */
  readonly outputs: readonly ProducerRecord[];
  /** Of the changelogs. */
  readonly changes: readonly ProducerRecord[];
}

/** How a commit comes into Kafka. */
export interface CommitChannel extends AsyncDisposable {
  /**
   * Resolves when all is in, with the offset after the last record of each partition, of the changelogs at least. After an error the session must
   * end: it begins anew from what is in. Offsets of an old generation are refused.
   * @throws Failure as the producer, or the group's coordinator, does
   */
  commit(
    records: CommitRecords,
    group: GroupMetadata,
    offsets: readonly PartitionOffset[],
  ): Promise<readonly PartitionOffset[]>;
}

interface ChannelParts {
  readonly kafka: Pick<Kafka, 'openProducer' | 'openIdempotentProducer' | 'commitOffsets'>;
  readonly log: Log;
  readonly transactionalId: string;
}

/** With transactions it ends what an earlier life has left open. */
export async function openCommitChannel(
  guarantee: ProcessingGuarantee,
  parts: ChannelParts,
): Promise<CommitChannel> {
  return guarantee === 'exactly_once_v2'
    ? await transactionalChannel(parts)
    : await acknowledgedChannel(parts);
}

/** One transaction: all of it or nothing. */
async function transactionalChannel({ kafka, log, transactionalId }: ChannelParts): Promise<CommitChannel> {
  const producer = await kafka.openProducer(transactionalId);
  return {
    async commit({ outputs, changes }, group, offsets) {
      const records = [...outputs, ...changes];
      producer.begin();
      try {
        const sent = records.length > 0 ? await producer.send(records) : [];
        await producer.sendOffsets(group, offsets);
        await producer.commit();
        return sent;
      } catch (error) {
        await producer
          .abort()
          .catch((second: unknown) => log.debug({ err: second }, `no abort: ${describe(second)}`));
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
}

/**
 * No transaction: each step waits until the one before is acknowledged, and who ends in between does the same work again.
 * Offsets come last, so that nothing is lost. Changelogs come behind results: a join does not tell again that a row
 * is gone which its stores do not know any more.
 */
async function acknowledgedChannel({ kafka }: ChannelParts): Promise<CommitChannel> {
  const producer = await kafka.openIdempotentProducer();
  return {
    async commit({ outputs, changes }, group, offsets) {
      if (outputs.length > 0) await producer.send(outputs);
      const sent = changes.length > 0 ? await producer.send(changes) : [];
      await kafka.commitOffsets(group, offsets);
      return sent;
    },
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
}
