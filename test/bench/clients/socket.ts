import { Cluster } from '../../../connectors/kafka/cluster.ts';
import { Connections } from '../../../connectors/kafka/connections.ts';
import type { ClientContext } from '../../../connectors/kafka/connections.ts';
import { fetchRequest } from '../../../connectors/kafka/fetch-request.ts';
import { loadKafkajs } from '../../../connectors/kafka/kafkajs-internals.ts';
import { produceRequest } from '../../../connectors/kafka/produce-request.ts';
import { AT, LOG_OVERHEAD, readInt64 } from '../../../connectors/kafka/record-batch-layout.ts';
import { RecordBytes } from '../../../connectors/kafka/record-bytes.ts';
import { RecordBatchWriter, stampBatch } from '../../../connectors/kafka/record-batch-writer.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import type { BenchClient, BenchRecord, RunSpec } from '../client.ts';

const NO_PRODUCER = { producerId: -1, producerEpoch: -1 };
const TIMEOUT_MS = 30_000;
const LIMITS = { maxWaitMs: 250, bytesMax: 4 * 1024 * 1024, partitionBytesMax: 1024 * 1024 };

/**
 * The ceiling: no encoding, no decoding. The same produce request again and again, made once per size of batch; fetched
 * batches are counted by their headers. What is left is sockets, requests and the broker.
 */
export async function socketClient(spec: RunSpec): Promise<BenchClient> {
  const { brokers, topic, partitions } = spec;
  const context: ClientContext = {
    log: silentLog,
    clock: systemClock,
    random: Math.random,
    clientId: 'bench',
    kafkajs: loadKafkajs(),
  };
  const connections = new Connections(context);
  const cluster = new Cluster(context, connections, brokers.split(','));
  await cluster.refresh([topic]);
  const leader = cluster.address(cluster.leader(topic, 0)!);
  const requests = new Map<readonly BenchRecord[], ReturnType<typeof produceRequest>>();
  return {
    async send(batch) {
      let request = requests.get(batch);
      if (request === undefined) requests.set(batch, (request = encoded(spec, batch)));
      for (const { errorCode } of await connections.send(leader, request))
        if (errorCode !== 0) throw new Error(`the broker answered ${errorCode}`);
    },
    async consume(onRecords) {
      const positions = Array.from({ length: partitions }, (_, partition) => ({
        topic,
        partition,
        position: 0,
      }));
      for (let read = 0; read < spec.records;)
        for (const { partition, recordSet } of await connections.send(
          leader,
          fetchRequest(positions, LIMITS),
        ))
          for (let at = 0; recordSet.length - at > AT.records;) {
            const end = at + LOG_OVERHEAD + recordSet.readInt32BE(at + AT.length);
            if (end > recordSet.length) break;
            const count = recordSet.readInt32BE(at + AT.count);
            const last = readInt64(recordSet, at) + recordSet.readInt32BE(at + AT.lastOffsetDelta);
            positions[partition] = { topic, partition, position: last + 1 };
            read += count;
            onRecords(count, end - at);
            at = end;
          }
    },
    close: () => connections[Symbol.asyncDispose](),
  };
}

function encoded(
  { topic, partitions, compression }: RunSpec,
  batch: readonly BenchRecord[],
): ReturnType<typeof produceRequest> {
  const batches = [];
  for (let partition = 0; partition < partitions; partition++) {
    const writer = new RecordBatchWriter(Number.MAX_SAFE_INTEGER);
    const record = new RecordBytes();
    for (const { partition: own, key, value } of batch)
      if (own === partition)
        writer.append(record.set({ topic, partition, timestamp: Date.now(), key, value }));
    if (writer.count === 0) continue;
    const bytes = writer.seal(compression, false);
    stampBatch(bytes, NO_PRODUCER, -1);
    batches.push({ topic, partition, bytes });
  }
  return produceRequest(null, TIMEOUT_MS, batches);
}
