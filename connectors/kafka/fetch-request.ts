import type { AbortedTransaction } from './aborted-transactions.ts';
import { byTopic } from './by-topic.ts';
import type { WireRequest } from './connections.ts';
import { check } from './error-code.ts';
import type { TopicPartition } from './port.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

const READ_COMMITTED = 1;
const NO_BYTES = Buffer.alloc(0);

export interface FetchPosition extends TopicPartition {
  readonly position: number;
}

export interface FetchLimits {
  /** Milliseconds that the broker may hold the request while there is nothing to answer. */
  readonly maxWaitMs: number;
  /** Bytes of the whole answer; one batch larger than this comes all the same (KIP-74). */
  readonly bytesMax: number;
  readonly partitionBytesMax: number;
}

export interface FetchedPartition extends TopicPartition {
  readonly errorCode: number;
  readonly lastStableOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches as stored, the last one maybe cut off. A view of the response. */
  readonly recordSet: Buffer;
}

/** Fetch version 11, read-committed, without a fetch session. */
export function fetchRequest(
  positions: readonly FetchPosition[],
  limits: FetchLimits,
): WireRequest<readonly FetchedPartition[]> {
  const body = new WireWriter().int32(-1).int32(limits.maxWaitMs).int32(1).int32(limits.bytesMax);
  body.int8(READ_COMMITTED).int32(0).int32(-1);
  body.array(byTopic(positions), ({ topic, partitions }) => {
    body.string(topic);
    body.array(partitions, ({ partition, position }) =>
      body.int32(partition).int32(-1).int64(position).int64(-1).int32(limits.partitionBytesMax),
    );
  });
  body.int32(0).string('');
  return {
    apiKey: 1,
    apiName: 'Fetch',
    apiVersion: 11,
    flexible: false,
    body: [body.bytes()],
    decode: readFetched,
  };
}

function readFetched(reader: WireReader): readonly FetchedPartition[] {
  reader.int32(); // throttle time
  check(reader.int16(), 'fetching');
  reader.int32(); // session id
  const fetched: FetchedPartition[] = [];
  reader.array(() => {
    const topic = reader.string() ?? '';
    reader.array(() => fetched.push(readPartition(reader, topic)));
  });
  return fetched;
}

function readPartition(reader: WireReader, topic: string): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  reader.int64(); // high watermark
  const lastStableOffset = reader.int64();
  reader.int64(); // log start offset
  const aborted = reader.array(() => ({ producerId: reader.int64(), firstOffset: reader.int64() }));
  reader.int32(); // preferred read replica
  return { topic, partition, errorCode, lastStableOffset, aborted, recordSet: reader.blob() ?? NO_BYTES };
}
