import { expect, test } from 'vitest';
import type { FetchedBatch } from '../../../connectors/kafka/port.ts';
import { Inbox } from '../../../connectors/postgres-sink/inbox.ts';

/** Offsets 10, 11, .. with values of `bytes` bytes; the log goes on 3 offsets after the last record. */
function fetched(partition: number, count: number, bytes = 1): FetchedBatch {
  const records = Array.from({ length: count }, (_, i) => ({
    topic: 't',
    partition,
    offset: 10 + i,
    timestamp: 0,
    key: null,
    value: Buffer.alloc(bytes),
    headers: [],
  }));
  return { topic: 't', partition, records, nextOffset: 10 + count + 3, lastStableOffset: 100 };
}

function taken(inbox: Inbox, rowsMax: number, bytesMax = 1_000_000): unknown[] {
  return inbox
    .take({ rowsMax, bytesMax })
    .map((s) => [s.partition, s.records[0]?.offset ?? null, s.records.length, s.nextOffset]);
}

test('a poll larger than a transaction is handed out in pieces whose offsets join', () => {
  const inbox = new Inbox();
  inbox.add([fetched(0, 5), fetched(1, 2)]);
  expect(taken(inbox, 3)).toEqual([[0, 10, 3, 13]]);
  expect(taken(inbox, 3)).toEqual([
    [0, 13, 2, 18],
    [1, 10, 1, 11],
  ]);
  expect(inbox.isEmpty).toBe(false);
  expect(taken(inbox, 3)).toEqual([[1, 11, 1, 15]]);
  expect(inbox.isEmpty).toBe(true);
});

test('a transaction ends with the record that fills its bytes, however large that is', () => {
  const inbox = new Inbox();
  inbox.add([fetched(0, 3, 100)]);
  expect(taken(inbox, 1000, 101)).toEqual([[0, 10, 2, 12]]);
  expect(taken(inbox, 1000, 1)).toEqual([[0, 12, 1, 16]]);
});

test('a batch without records still moves its offset', () => {
  const inbox = new Inbox();
  inbox.add([fetched(0, 0)]);
  expect(taken(inbox, 1)).toEqual([[0, null, 0, 13]]);
});

test('what is cleared does not come out', () => {
  const inbox = new Inbox();
  inbox.add([fetched(0, 5)]);
  taken(inbox, 2);
  inbox.clear();
  inbox.add([fetched(1, 1)]);
  expect(taken(inbox, 9)).toEqual([[1, 10, 1, 14]]);
});
