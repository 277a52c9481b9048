import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ProducerRecord } from '../../../connectors/kafka/port.ts';
import { RecordBytes } from '../../../connectors/kafka/record-bytes.ts';
import { RecordList } from '../../../connectors/kafka/record-list.ts';

const bytes = fc.option(fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)));
const record: fc.Arbitrary<ProducerRecord> = fc.record({
  topic: fc.integer({ min: 0, max: 60 }).map((n) => `topic-${n}`),
  partition: fc.nat(100),
  timestamp: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.record({ key: fc.string(), value: bytes }), { maxLength: 2 }),
});

function told(list: RecordList): ProducerRecord[] {
  return Array.from({ length: list.length }, (_, i) => {
    const { topic, partition, timestamp, key, value, headers } = list.read(i, new RecordBytes());
    return { topic, partition, timestamp, key, value, headers };
  });
}

test('a list gives back what was added, though the records are used again', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 700 }), (records) => {
      const list = new RecordList();
      const reused = new RecordBytes();
      for (const one of records) list.add(reused.set(one));
      expect(told(list)).toEqual(records);
    }),
    { numRuns: 30 },
  );
});

test('what is split off, and what is added to both parts later, is where it belongs', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 50 }), fc.nat(50), record, (records, at, later) => {
      const place = Math.min(at, records.length);
      const list = new RecordList();
      for (const one of records) list.add(one);
      const rest = list.splitOff(place);
      list.add(later);
      rest.add(later);
      expect(told(list)).toEqual([...records.slice(0, place), later]);
      expect(told(rest)).toEqual([...records.slice(place), later]);
    }),
  );
});

test('a record of parts of a buffer has only those parts', () => {
  const slab = Buffer.from('..key.value..');
  const one = new RecordBytes();
  one.setKey(slab, 2, 3);
  one.setValue(slab, 6, 5);
  expect([String(one.key), String(one.value)]).toEqual(['key', 'value']);
});
