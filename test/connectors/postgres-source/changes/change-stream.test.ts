import { expect, test } from 'vitest';
import type { ProducerRecord } from '../../../../connectors/kafka/port.ts';
import type { Acker } from '../../../../connectors/postgres-source/place/acker.ts';
import type { ChangeReader } from '../../../../connectors/postgres-source/changes/change-reader.ts';
import { streamChanges } from '../../../../connectors/postgres-source/changes/change-stream.ts';
import { Batcher, type Progress } from '../../../../connectors/postgres-source/publish/batcher.ts';
import type { Publisher } from '../../../../connectors/postgres-source/publish/publisher.ts';
import type { WireConnection } from '../../../../connectors/postgres-source/wire/wire-connection.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { manualClock } from '../manual-clock.ts';

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
    clock: manualClock(),
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

test('S64 a clock that is set back does not keep the progress of an idle stream', async () => {
  const clock = manualClock();
  const acker = { reached: 0n };
  const published: bigint[] = [];
  const batcher = new Batcher(
    START,
    1000,
    async (_, { endLsn }) => void published.push(endLsn),
    () => undefined,
  );
  const stop = new AbortController();
  const wire = {
    take: () => null,
    readable: () => new Promise<void>(() => undefined),
    nudge: () => undefined,
  };
  clock.nowMs = 10_000_000;
  void streamChanges({
    wire: wire as unknown as WireConnection,
    reader: {} as unknown as ChangeReader,
    acker: acker as unknown as Acker,
    batcher,
    publisher: { cutIsBehind: () => false } as unknown as Publisher,
    clock,
    onStreaming: () => undefined,
    log: silentLog,
    signal: stop.signal,
  });
  for (const [nowMs, reached] of [
    [10_001_000, 5n],
    [6_400_000, 7n],
    [6_400_900, 8n],
    [6_401_000, 9n],
  ] as const) {
    clock.nowMs = nowMs;
    acker.reached = reached;
    clock.tick();
    await batcher.drain();
  }
  expect(published).toEqual([5n, 7n, 9n]);
});
