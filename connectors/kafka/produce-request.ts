import { byTopic } from './by-topic.ts';
import type { WireRequest } from './connections.ts';
import type { TopicPartition } from './port.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

/** A partition's part of a produce request. */
export interface PartitionBatch extends TopicPartition {
  readonly bytes: Buffer;
}

export interface ProduceAnswer extends TopicPartition {
  readonly errorCode: number;
  readonly baseOffset: number;
}

const ALL_IN_SYNC = -1;

/** Produce version 7, acks=all. The batches go to the socket uncopied. */
export function produceRequest(
  transactionalId: string | null,
  timeoutMs: number,
  batches: readonly PartitionBatch[],
): WireRequest<readonly ProduceAnswer[]> {
  const topics = byTopic(batches);
  const body: Buffer[] = [];
  let header = new WireWriter().string(transactionalId).int16(ALL_IN_SYNC).int32(timeoutMs);
  header.int32(topics.length);
  for (const { topic, partitions } of topics) {
    header.string(topic).int32(partitions.length);
    for (const { partition, bytes } of partitions) {
      body.push(header.int32(partition).int32(bytes.length).bytes(), bytes);
      header = new WireWriter();
    }
  }
  return { apiKey: 0, apiName: 'Produce', apiVersion: 7, flexible: false, body, decode: readProduced };
}

function readProduced(reader: WireReader): readonly ProduceAnswer[] {
  const answers: ProduceAnswer[] = [];
  reader.array(() => {
    const topic = reader.string() ?? '';
    reader.array(() => {
      const partition = reader.int32();
      const errorCode = reader.int16();
      const baseOffset = reader.int64();
      reader.int64(); // log append time
      reader.int64(); // log start offset
      answers.push({ topic, partition, errorCode, baseOffset });
    });
  });
  return answers;
}
