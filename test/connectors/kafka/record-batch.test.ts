import fc from 'fast-check';
import { expect, test } from 'vitest';
import { committedRecords } from '../../../connectors/kafka/aborted-transactions.ts';
import { crc32c } from '../../../connectors/kafka/crc32c.ts';
import type { ConsumerRecord, ProducerRecord } from '../../../connectors/kafka/port.ts';
import { readBatches } from '../../../connectors/kafka/record-batch.ts';
import { RecordBytes } from '../../../connectors/kafka/record-bytes.ts';
import { RecordBatchWriter, soloBatchBytes } from '../../../connectors/kafka/record-batch-writer.ts';
import { COMPRESSIONS } from '../../../connectors/kafka/compression.ts';
import { encodeBatch } from './encoded-batch.ts';

const SOURCE = { topic: 'orders', partition: 3 };
const SESSION = { producerId: 4_000_000_001, producerEpoch: 7, transactional: true };

const bytes = fc.uint8Array({ maxLength: 300 }).map((content) => Buffer.from(content));
const record: fc.Arbitrary<ProducerRecord> = fc.record({
  topic: fc.constant(SOURCE.topic),
  partition: fc.constant(SOURCE.partition),
  timestamp: fc.oneof(fc.nat(), fc.nat({ max: 4_102_444_800_000 })),
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: fc.option(bytes) }), {
    maxLength: 3,
  }),
});

const decode = (set: Buffer, position = 0) => committedRecords(set, [], SOURCE, position);

/** Rewrites header fields of an encoded batch and makes its checksum right again. */
function patched(batch: Buffer, patch: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(batch);
  patch(copy);
  copy.writeUInt32BE(crc32c(copy, 21), 17);
  return copy;
}

const plain = (count: number): Buffer =>
  encodeBatch(
    Array.from({ length: count }, (_, n) => ({
      ...SOURCE,
      timestamp: 1_000 + n,
      key: Buffer.from(`k${n}`),
      value: Buffer.from(`v${n}`),
    })),
    SESSION,
  );

const at = (batch: Buffer, baseOffset: number): Buffer =>
  patched(batch, (copy) => copy.writeBigInt64BE(BigInt(baseOffset), 0));

/** What a record says, all of it at once. */
const told = ({
  topic,
  partition,
  offset,
  timestamp,
  key,
  value,
  headers,
}: ConsumerRecord): ConsumerRecord => ({
  topic,
  partition,
  offset,
  timestamp,
  key,
  value,
  headers,
});

test.each(COMPRESSIONS)('records come back as they were, with offsets that count up: %s', (compression) => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
      const decoded = decode(encodeBatch(records, SESSION, 41, compression));
      expect(decoded.records.map(told)).toEqual(records.map((one, offset) => ({ ...one, offset })));
      expect(decoded.nextOffset).toBe(records.length);
    }),
    { numRuns: 30 },
  );
});

test('a batch takes records up to its byte bound, and the first one always', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 61, max: 2_000 }),
      (records, max) => {
        const writer = new RecordBatchWriter(max);
        const taken = records.findIndex((one) => !writer.append(new RecordBytes().set(one)));
        expect(writer.count).toBe(taken < 0 ? records.length : taken);
        const batch = writer.seal('none', false);
        expect(batch.length).toBe(writer.size);
        if (writer.count > 1) expect(batch.length).toBeLessThanOrEqual(max);
        else expect(batch.length).toBe(soloBatchBytes(new RecordBytes().set(records[0]!)));
      },
    ),
  );
});

test('the header tells producer, transaction and sequence', () => {
  const [batch] = [...readBatches(plain(2), SOURCE)];
  expect(batch).toMatchObject({
    baseOffset: 0,
    nextOffset: 2,
    producerId: SESSION.producerId,
    transactional: true,
    control: false,
    count: 2,
  });
});

test('the header tells the first and the latest time, whatever the order', () => {
  const times = [5_000, 9_000, 1_000];
  const batch = encodeBatch(
    times.map((timestamp) => ({ ...SOURCE, timestamp, key: null, value: null })),
    SESSION,
  );
  expect([batch.readBigInt64BE(27), batch.readBigInt64BE(35)]).toEqual([5_000n, 9_000n]);
});

test('a batch that is cut off at the end of a set is passed over', () => {
  const set = Buffer.concat([plain(2), at(plain(3), 2)]);
  for (let cut = 1; cut <= plain(3).length; cut++) {
    const decoded = decode(set.subarray(0, set.length - cut));
    expect([decoded.records.length, decoded.nextOffset]).toEqual([2, 2]);
  }
});

test('an empty batch that compaction left moves the position', () => {
  const empty = patched(plain(5).subarray(0, 61), (copy) => {
    copy.writeBigInt64BE(10n, 0);
    copy.writeInt32BE(61 - 12, 8);
    copy.writeInt32BE(0, 57);
  });
  expect(decode(empty, 12)).toEqual({ records: [], nextOffset: 15 });
});

test('records below the position that was asked for are left out', () => {
  const decoded = decode(at(plain(5), 10), 13);
  expect([decoded.records.map(({ offset }) => offset), decoded.nextOffset]).toEqual([[13, 14], 15]);
});

test('a topic with log append time gives every record the time of its batch', () => {
  const appended = patched(plain(2), (copy) => {
    copy.writeInt16BE(0x08, 21);
    copy.writeBigInt64BE(99_000n, 35);
  });
  expect(decode(appended).records.map(({ timestamp }) => timestamp)).toEqual([99_000, 99_000]);
});

test('a changed byte is found by the checksum', () => {
  const batch = plain(2);
  batch[70] = batch[70]! ^ 1;
  expect(() => decode(batch)).toThrow(/orders-3 offset 0 has checksum/);
});

test('a codec that cannot be read is named', () => {
  const unknown = patched(plain(1), (copy) => copy.writeInt16BE(5, 21));
  expect(() => decode(unknown)).toThrow(/compressed with codec 5/);
});

test.each(COMPRESSIONS.slice(1))('damaged bytes of %s are refused, with the place', (compression) => {
  const records = [{ ...SOURCE, timestamp: 0, key: null, value: Buffer.alloc(1_000, 'abc') }];
  const damaged = patched(encodeBatch(records, SESSION, 0, compression), (copy) => copy.fill(0xff, 70));
  expect(() => decode(damaged)).toThrow(/orders-3 offset 0 cannot be decompressed as/);
});

/** Fetched from Apache Kafka 4.2.1 as stored; written by librdkafka 2.0.2 and by Kafka's Java client. */
const FOREIGN = {
  librdkafka:
    '000000000000000000000084000000000257750ec5000000000002000001a201056d3f000001a201056d3fffffffffffffffffffffffffffff00000003360000000261066f6e65040a7472616365066162630a656d7074790130000002026201040a7472616365066162630a656d707479013a00000402630a7468726565040a7472616365066162630a656d70747901',
  librdkafkaGzip:
    '00000000000000000000007200000000023ecb75bb000100000002000001a201056c64000001a201056c64ffffffffffffffffffffffffffff000000031f8b0800000000000003d3606060604a64cbcf4b65e22a294a4c4e654b4c4ad6008a3125b19594e72309ea3030b0302573956414a522ab05001ddc525d41000000',
  java: '0000000000000000000000520000000002666b14ab000000000002000001a2010575c6000001a2010575d700000000000000060000000000000000000316000000046b31066f6e650010002202046b32010016002204010a746872656500',
  javaGzip:
    '0000000000000000000000620000000002fbb0895c000100000001000001a201058008000001a2010580130000000000000007000000000000000000021f8b08000000000000ff9363606060c93664cbcf4b6562ca60329463106362c936622b29cf07f18d0075a8838220000000',
};

const readable = (hex: string) =>
  decode(Buffer.from(hex, 'hex')).records.map(({ offset, timestamp, key, value, headers }) => ({
    offset,
    timestamp,
    key: key?.toString() ?? null,
    value: value?.toString() ?? null,
    headers: headers.map((header) => [header.key, header.value?.toString() ?? null]),
  }));

test('batches of other clients are read: nulls, headers, gzip', () => {
  const headers = [
    ['trace', 'abc'],
    ['empty', null],
  ];
  expect(readable(FOREIGN.librdkafka)).toEqual([
    { offset: 0, timestamp: 1795313462591, key: 'a', value: 'one', headers },
    { offset: 1, timestamp: 1795313462591, key: 'b', value: null, headers },
    { offset: 2, timestamp: 1795313462591, key: 'c', value: 'three', headers },
  ]);
  expect(readable(FOREIGN.librdkafkaGzip).map(({ key, value }) => `${key}=${value}`)).toEqual([
    'a=one',
    'b=two',
    'c=three',
  ]);
  expect(readable(FOREIGN.java)).toEqual([
    { offset: 0, timestamp: 1795313464774, key: 'k1', value: 'one', headers: [] },
    { offset: 1, timestamp: 1795313464791, key: 'k2', value: null, headers: [] },
    { offset: 2, timestamp: 1795313464791, key: null, value: 'three', headers: [] },
  ]);
  expect(readable(FOREIGN.javaGzip).map(({ key, headers: [header] }) => [key, header])).toEqual([
    ['k1', ['h', '1']],
    ['k2', ['h', '2']],
  ]);
});

test('lengths that do not fit into each other are a corrupt batch, whatever the checksum says', () => {
  const corrupt = expect.objectContaining({ code: 'kafka.corrupt_batch', order: 'stop' });
  const failureOf = (batch: Buffer): unknown => {
    try {
      return decode(batch).records.map(told);
    } catch (error) {
      return error;
    }
  };
  const one = plain(1);
  const count = 2 ** 31 - 1;
  expect(failureOf(patched(one, (copy) => copy.writeInt32BE(count, 57)))).toEqual(corrupt);
  expect(failureOf(patched(one, (copy) => copy.writeInt32BE(-1, 57)))).toEqual(corrupt);
  // The record's own length: -1 leads back to itself, for as many times as the count says.
  expect(
    failureOf(
      patched(one, (copy) => {
        copy[61] = 1;
        copy.writeInt32BE(count, 57);
      }),
    ),
  ).toEqual(corrupt);
  expect(failureOf(patched(one, (copy) => copy.writeInt32BE(-1, 23)))).toEqual(corrupt);
  for (const length of [0, -1, 20, 2 ** 31 - 1]) {
    const claims = Buffer.from(one);
    claims.writeInt32BE(length, 8);
    expect(failureOf(claims)).toEqual(corrupt);
  }
});

test('headers end with their record, and a number of them that cannot be there is not believed', () => {
  const [{ headers } = { headers: [] }] = decode(plain(2)).records;
  expect(headers).toEqual([]);
  const batch = plain(1);
  const lying = patched(batch, (copy) => (copy[copy.length - 1] = 0x7e));
  const [record] = decode(lying).records;
  expect(record?.value?.toString()).toBe('v0');
  expect(() => record?.headers).toThrow(expect.objectContaining({ code: 'kafka.corrupt_headers' }));
});
