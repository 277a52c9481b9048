import type { Kafka } from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { PartitionBuffer } from './partition-buffer.ts';

/**
 * What it means that a task's next record is not in the log any more. A process that was asleep finds this when the new
 * owner of its tasks has processed, committed and purged what it was about to read: then it has only to join again.
 * When nobody has gone on from its committed offsets, records are lost, and the error stands as it is.
 */
export async function judgeMissingRecords(
  error: unknown,
  kafka: Pick<Kafka, 'committedOffsets'>,
  groupId: string,
  inputs: readonly Pick<PartitionBuffer, 'committed' | 'read'>[],
): Promise<unknown> {
  if (!(error instanceof Failure) || error.code !== 'kafka.offset_out_of_range') return error;
  const committed = await kafka.committedOffsets(
    groupId,
    inputs.map(({ read }) => read.partition),
  );
  const moved = inputs.filter((input, i) => input.committed !== committed[i]);
  if (moved.length === 0) return error;
  const names = moved.map(({ read }) => `${read.partition.topic}-${read.partition.partition}`).join(', ');
  return new Failure(
    'engine.membership_lost',
    'restart',
    `the group ${groupId} has gone on without this member at ${names}`,
    { cause: error },
  );
}
