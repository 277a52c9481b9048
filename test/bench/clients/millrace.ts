import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import type { BenchClient, RunSpec } from '../client.ts';

const POLL_MS = 1_000;

/** This port: the idempotent producer (acks=all), the read-committed fetcher with checksums verified. */
export async function millraceClient({
  brokers,
  topic,
  partitions,
  compression,
}: RunSpec): Promise<BenchClient> {
  const kafka = await connectKafka({
    brokers: brokers.split(','),
    clientId: 'bench',
    log: silentLog,
    clock: systemClock,
  });
  const producer = await kafka.openIdempotentProducer({ compression });
  return {
    async send(batch) {
      const timestamp = Date.now();
      await producer.send(
        batch.map(({ partition, key, value }) => ({ topic, partition, timestamp, key, value })),
      );
    },
    async consume(onRecords) {
      const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
      const ends = await kafka.listOffsets(all, 'last-stable');
      await using fetcher = kafka.openFetcher();
      fetcher.assign(all.map((partition) => ({ ...partition, offset: 0 })));
      for (let left = ends.filter((end) => end > 0).length; left > 0;)
        for (const { partition, records, nextOffset } of await fetcher.poll(POLL_MS)) {
          let bytes = 0;
          for (const { key, value } of records) bytes += (key?.length ?? 0) + (value?.length ?? 0);
          onRecords(records.length, bytes);
          if (nextOffset >= ends[partition]! && records.length > 0) left--;
        }
    },
    async close() {
      await producer[Symbol.asyncDispose]();
      await kafka[Symbol.asyncDispose]();
    },
  };
}
