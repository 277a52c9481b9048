import { expect, test } from 'vitest';
import type { TransactionalProducer } from '../../../../connectors/kafka/port.ts';
import { RecordList } from '../../../../connectors/kafka/record-list.ts';
import { CopyBook, NO_COPIES } from '../../../../connectors/postgres-source/copies/copy-state.ts';
import { EndOffsets } from '../../../../connectors/postgres-source/place/end-offsets.ts';
import { Publisher } from '../../../../connectors/postgres-source/publish/publisher.ts';
import { NO_REFUSALS, RefusalBook } from '../../../../connectors/postgres-source/shapes/refusal-state.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { decodeProgress } from '../../../../schemas/progress.ts';
import { manualClock } from '../manual-clock.ts';

/** A publisher whose cuts are told as `end LSN at time`. */
function publisherWithCuts() {
  const clock = manualClock();
  const cuts: string[] = [];
  const producer: TransactionalProducer = {
    begin: () => undefined,
    async send(records) {
      if (!(records instanceof RecordList))
        for (const { topic, value } of records)
          if (topic === 'progress' && value !== null)
            cuts.push(`${decodeProgress(value).endLsn} at ${clock.nowMs}`);
      return [];
    },
    sendOffsets: async () => undefined,
    commit: async () => undefined,
    abort: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const publisher = new Publisher({
    producer,
    rowProducer: null,
    ends: new EndOffsets(),
    positionTopic: 'position',
    progressTopic: 'progress',
    identity: { systemId: '1', timeline: 1, slot: 's', publicationOid: 1 },
    copies: new CopyBook(NO_COPIES),
    incomplete: () => [],
    refusals: new RefusalBook(NO_REFUSALS),
    notes: [],
    creating: false,
    onInitialDone: () => undefined,
    clock,
    log: silentLog,
    onCommit: () => undefined,
  });
  const publish = (nowMs: number, endLsn: bigint, rows: number): Promise<void> => {
    clock.nowMs = nowMs;
    const records = new RecordList();
    for (let i = 0; i < rows; i++)
      records.add({ topic: 't', partition: 0, timestamp: 0, key: null, value: Buffer.from('row') });
    return publisher.publish(records, { endLsn, commitTs: 0n, open: null });
  };
  return { publisher, publish, cuts };
}

test('S119 under load a cut goes with the rows every 100 ms; idle, it follows at once and then not again', async () => {
  const { publisher, publish, cuts } = publisherWithCuts();
  for (let i = 0; i <= 25; i++) await publish(1_000 + i * 10, BigInt(i + 1), 3);
  expect(cuts).toEqual(['1 at 1000', '11 at 1100', '21 at 1200']);
  expect(publisher.cutIsBehind(26n)).toBe(true);
  await publish(1_260, 26n, 0);
  expect(cuts.at(-1)).toBe('26 at 1260');
  expect(publisher.cutIsBehind(26n)).toBe(false);
});

test('S64 S119 a clock that is set back does not keep cuts back', async () => {
  const { publish, cuts } = publisherWithCuts();
  await publish(9_000_000, 1n, 1);
  await publish(5_000_000, 2n, 1);
  await publish(5_000_050, 3n, 1);
  expect(cuts).toEqual(['1 at 9000000', '2 at 5000000']);
});
