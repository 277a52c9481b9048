import { expect, test } from 'vitest';
import { committedRecords } from '../../../connectors/kafka/aborted-transactions.ts';
import type { AbortedTransaction } from '../../../connectors/kafka/aborted-transactions.ts';
import { crc32c } from '../../../connectors/kafka/crc32c.ts';
import { encodeBatch } from './encoded-batch.ts';

const SOURCE = { topic: 'orders', partition: 0 };
const CONTROL_AND_TRANSACTIONAL = 0x30;
const MARKER_KEY = { abort: Buffer.from([0, 0, 0, 0]), commit: Buffer.from([0, 0, 0, 1]) };

/** A log as a reader of the words sees it: producer, and a value, or how the transaction ended. */
type Entry = readonly [producerId: number, value: string, key?: Buffer];

function logOf(entries: readonly Entry[], firstOffset = 0): Buffer {
  return Buffer.concat(entries.map((entry, index) => batchOf(entry, firstOffset + index)));
}

function batchOf([producerId, value, key = Buffer.from('k')]: Entry, offset: number): Buffer {
  const marker = value === 'abort' || value === 'commit' ? MARKER_KEY[value] : undefined;
  const record = { ...SOURCE, timestamp: 0, key: marker ?? key, value: Buffer.from(value) };
  const session = { producerId, producerEpoch: 0, transactional: true };
  const bytes = encodeBatch([record], session);
  bytes.writeBigInt64BE(BigInt(offset), 0);
  if (marker !== undefined) bytes.writeInt16BE(CONTROL_AND_TRANSACTIONAL, 21);
  bytes.writeUInt32BE(crc32c(bytes, 21), 17);
  return bytes;
}

const seen = (log: Buffer, aborted: readonly AbortedTransaction[], position = 0): readonly string[] =>
  committedRecords(log, aborted, SOURCE, position).records.map(({ value }) => value!.toString());

test('interleaved aborted transactions stay hidden when the broker lists them by their ends', () => {
  const log = logOf([
    [1, 'a1'],
    [2, 'b1'],
    [3, 'c1'],
    [2, 'abort'],
    [1, 'a2'],
    [1, 'abort'],
    [3, 'c2'],
    [3, 'commit'],
  ]);
  const listedByEnd = [
    { producerId: 2, firstOffset: 1 },
    { producerId: 1, firstOffset: 0 },
  ];
  expect(seen(log, listedByEnd)).toEqual(['c1', 'c2']);
});

test('a reader that starts inside two aborted transactions sees nothing of either', () => {
  const log = logOf(
    [
      [2, 'b2'],
      [1, 'a2'],
      [1, 'abort'],
      [2, 'abort'],
      [1, 'a3'],
      [1, 'commit'],
    ],
    10,
  );
  const begun = [
    { producerId: 1, firstOffset: 4 },
    { producerId: 2, firstOffset: 5 },
  ];
  expect(seen(log, begun, 10)).toEqual(['a3']);
});

test('a data record whose key looks like a marker ends no transaction', () => {
  const log = logOf([
    [1, 'a1', MARKER_KEY.abort],
    [1, 'a2'],
    [1, 'abort'],
    [1, 'a3', MARKER_KEY.abort],
    [1, 'commit'],
  ]);
  expect(seen(log, [{ producerId: 1, firstOffset: 0 }])).toEqual(['a3']);
});

test('a producer that aborts twice in one set is hidden twice, and seen between', () => {
  const log = logOf([
    [1, 'a1'],
    [1, 'abort'],
    [1, 'a2'],
    [1, 'commit'],
    [1, 'a3'],
    [1, 'abort'],
    [1, 'a4'],
    [1, 'commit'],
  ]);
  const aborted = [
    { producerId: 1, firstOffset: 0 },
    { producerId: 1, firstOffset: 4 },
  ];
  expect(seen(log, aborted)).toEqual(['a2', 'a4']);
});

test('the position moves past markers and aborted records at the end', () => {
  const log = logOf([
    [1, 'a1'],
    [1, 'abort'],
  ]);
  expect(committedRecords(log, [{ producerId: 1, firstOffset: 0 }], SOURCE, 0)).toEqual({
    records: [],
    nextOffset: 2,
  });
});
