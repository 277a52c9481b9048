import { expect, test } from 'vitest';
import type { ProducerRecord } from '../../../../connectors/kafka/port.ts';
import type { Acker } from '../../../../connectors/postgres-source/place/acker.ts';
import type { ChangeReader } from '../../../../connectors/postgres-source/changes/change-reader.ts';
import { streamChanges } from '../../../../connectors/postgres-source/changes/change-stream.ts';
import { Batcher, type Progress } from '../../../../connectors/postgres-source/publish/batcher.ts';
import type { Publisher } from '../../../../connectors/postgres-source/publish/publisher.ts';
import type { WireConnection } from '../../../../connectors/postgres-source/wire/wire-connection.ts';
import { systemClock } from '../../../../infra/process/clock.ts';
import { silentLog } from '../../../../infra/process/log.ts';

const START: Progress = { endLsn: 0n, commitTs: 0n, open: null };
const record = (value: string): ProducerRecord => ({
  topic: 't',
  partition: 0,
  timestamp: 0,
  key: null,
  value: Buffer.from(value),
});

/** A stream of one segment, which `read` takes in. */
const stream = (batcher: Batcher, read: () => void): Promise<void> => {
  const segments: (Buffer | null)[] = [Buffer.alloc(1)];
  return streamChanges({
    wire: {
      take: () => segments.shift() ?? null,
      nudge: () => undefined,
      queuedBytes: 0,
    } as unknown as WireConnection,
    reader: { streaming: true, consume: async () => read() } as unknown as ChangeReader,
    acker: { reached: 0n } as unknown as Acker,
    batcher,
    publisher: { cutIsBehind: () => false } as unknown as Publisher,
    clock: systemClock,
    onStreaming: () => undefined,
    log: silentLog,
    signal: new AbortController().signal,
  });
};

test('a change that stops the stream holds nothing back that was committed before it', async () => {
  const published: number[] = [];
  const batcher = new Batcher(
    START,
    1000,
    async ({ length }) => void published.push(length),
    () => undefined,
  );
  const stopped = stream(batcher, () => {
    batcher.add(record('committed'), 5n, 1);
    batcher.endTransaction(6n, 0n);
    batcher.add(record('of the transaction that fails'), 7n, 1);
    throw new Error('no such shape');
  });
  await expect(stopped).rejects.toThrow('no such shape');
  expect([published, batcher.published.endLsn]).toEqual([[1], 6n]);
});

test('what ends the stream is told, not that Kafka is gone as well', async () => {
  const batcher = new Batcher(
    START,
    1000,
    () => Promise.reject(new Error('Kafka is gone')),
    () => undefined,
  );
  const stopped = stream(batcher, () => {
    batcher.add(record('committed'), 5n, 1);
    batcher.endTransaction(6n, 0n);
    throw new Error('no such shape');
  });
  await expect(stopped).rejects.toThrow('no such shape');
});
