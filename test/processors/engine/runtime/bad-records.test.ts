import { describe, expect, test } from 'vitest';
import type { ConsumerRecord, FetchedBatch } from '../../../../connectors/kafka/port.ts';
import { Failure } from '../../../../infra/process/failure.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import {
  type BadRecordPolicies,
  DEFAULT_POLICIES,
} from '../../../../processors/engine/bad-record-policies.ts';
import { BadRecords } from '../../../../processors/engine/runtime/bad-records.ts';
import { deadLetterEncoder } from '../../../../processors/engine/runtime/dead-letter.ts';
import type { InputTopic } from '../../../../processors/engine/runtime/input-topics.ts';
import { undecodable } from '../../../../processors/engine/runtime/message-decoder.ts';
import { PartitionBuffer } from '../../../../processors/engine/runtime/partition-buffer.ts';
import { PendingOutput } from '../../../../processors/engine/runtime/pending-output.ts';

/** A record whose value says what becomes of it. */
type Fate = 'good' | 'garbage' | 'throws' | 'timeless' | 'unknown schema';

const SOURCES = ['table', 'stream'];

function input(load: () => Promise<void>): InputTopic {
  return {
    topic: 'events',
    isTable: false,
    isInternal: false,
    sources: SOURCES,
    decoder: { load, decode: () => expect.unreachable() },
    admit(raw, onDrop) {
      const fate = raw.value?.toString();
      if (fate === 'garbage') throw undecodable(raw, new RangeError('no Avro'));
      if (fate === 'unknown schema') return null;
      onDrop('table', 'null_value');
      if (fate === 'throws') throw new Failure('pipeline.function_failed', 'stop', 'the time failed');
      if (fate === 'timeless') {
        onDrop('stream', 'no_time');
        return [];
      }
      const { timestamp: time } = raw;
      const record = { key: null, keyBody: null, value: fate, oldValue: null, time, commitTime: time };
      return [{ sourceId: 'stream', record }];
    },
  };
}

function batch(fates: readonly Fate[], from = 0): FetchedBatch {
  const records = fates.map((fate, i): ConsumerRecord => ({
    topic: 'events',
    partition: 3,
    offset: from + i,
    timestamp: 1_000 + from + i,
    key: Buffer.from('k'),
    value: Buffer.from(fate),
    headers: [{ key: 'own', value: Buffer.from('h') }],
  }));
  const end = from + fates.length;
  return { topic: 'events', partition: 3, records, nextOffset: end, lastStableOffset: end };
}

function session(policies: Partial<BadRecordPolicies>, load: () => Promise<void> = () => Promise.resolve()) {
  const lines: object[] = [];
  const pending = new PendingOutput();
  let now = 0;
  const bad = new BadRecords({
    policies: { ...DEFAULT_POLICIES, ...policies },
    pending,
    letter: deadLetterEncoder('app-dlq', 2, 'app'),
    log: { ...silentLog, warn: (fields) => void lines.push(fields) },
    clock: { now: () => now, sleep: () => Promise.resolve(), every: () => expect.unreachable() },
  });
  const buffer = new PartitionBuffer(input(load), 3, 0, 0, bad);
  const offsets: number[] = [];
  /** Processes all that it can, and tells by offset. */
  const run = (): number[] => {
    for (let { head } = buffer; head !== null; { head } = buffer) {
      offsets.push(head.offset);
      buffer.shift();
    }
    return offsets.splice(0);
  };
  const letters = () => pending.records.map(({ value }) => value?.toString());
  return { bad, buffer, pending, lines, run, letters, pass: (ms: number) => void (now += ms) };
}

describe('a record that cannot be decoded', () => {
  test('stops its input under the policy fail, with its place', () => {
    const { buffer } = session({});
    buffer.push(batch(['garbage']), 1);
    expect(() => buffer.head).toThrow('the record at events[3] offset 0 cannot be decoded');
  });

  test('is passed over, counted at each source, and a letter that is the record byte for byte', () => {
    const { buffer, run, pending } = session({ deserialization: 'dlq' });
    buffer.push(batch(['good', 'garbage', 'good']), 1);
    expect(run()).toEqual([0, 2]);
    expect(buffer.processed).toBe(3);
    expect(buffer.takeRefusals().filter(({ offset }) => offset === 1)).toEqual(
      SOURCES.map((sourceId) => ({ offset: 1, sourceId, reason: 'undecodable' })),
    );
    const [letter] = pending.records;
    expect(letter).toMatchObject({
      topic: 'app-dlq',
      partition: 1,
      timestamp: 1_001,
      key: Buffer.from('k'),
      value: Buffer.from('garbage'),
    });
    expect(letter?.headers?.map(({ key, value }) => [key, value?.toString()])).toEqual([
      ['own', 'h'],
      ['__streams.errors.exception', 'engine.undecodable'],
      ['__streams.errors.message', 'the record at events[3] offset 1 cannot be decoded: no Avro'],
      ['__streams.errors.stacktrace', expect.stringContaining('RangeError: no Avro')],
      ['__streams.errors.topic', 'events'],
      ['__streams.errors.partition', '3'],
      ['__streams.errors.offset', '1'],
      ['__connect.errors.topic', 'events'],
      ['__connect.errors.partition', '3'],
      ['__connect.errors.offset', '1'],
      ['__connect.errors.connector.name', 'app'],
      ['__connect.errors.stage', 'VALUE_CONVERTER'],
      ['__connect.errors.exception.class.name', 'engine.undecodable'],
      ['__connect.errors.exception.message', 'the record at events[3] offset 1 cannot be decoded: no Avro'],
    ]);
  });

  test('may be one whose schema the registry does not know; a registry that does not answer is no fault of it', async () => {
    const answers = [
      new Failure('registry.unreachable', 'retry', 'no answer'),
      new Failure('registry.not_found', 'stop', 'not in the registry'),
    ];
    const load = (): Promise<void> => Promise.reject(answers.shift() ?? new TypeError('asked too often'));
    const { buffer, run, letters } = session({ deserialization: 'dlq' }, load);
    buffer.push(batch(['unknown schema', 'good']), 1);
    expect(run()).toEqual([]);
    await expect(buffer.prepare()).rejects.toThrow('no answer');
    expect(letters()).toEqual([]);
    expect(run()).toEqual([]);
    await buffer.prepare();
    expect(run()).toEqual([1]);
    expect(letters()).toEqual(['unknown schema']);
  });

  test('stops its input when it is too large for a letter that says why', () => {
    const { buffer } = session({ deserialization: 'dlq' });
    const { records, ...rest } = batch(['garbage']);
    const headers = [{ key: 'large', value: Buffer.alloc(1024 * 1024) }];
    buffer.push({ ...rest, records: records.map((record) => ({ ...record, headers })) }, 1);
    expect(() => buffer.head).toThrow('events[3] offset 0 is bad and too large for app-dlq');
  });
});

describe('a record that fails', () => {
  test('is set aside when it comes again after a rewind, and asks for a commit', () => {
    const { bad, buffer, run, letters } = session({ processing: 'dlq' });
    buffer.push(batch(['good', 'good', 'good']), 1);
    expect(buffer.head?.offset).toBe(0);
    buffer.shift();
    expect(buffer.head?.offset).toBe(1);
    buffer.failHead(new RangeError('too bad'));
    buffer.rewind();
    bad.rewound();
    expect([buffer.head, buffer.length, buffer.read.position, bad.commitIsDue]).toEqual([null, 0, 0, false]);
    buffer.push(batch(['good', 'good', 'good']), 2);
    expect(run()).toEqual([0, 2]);
    expect(letters()).toEqual(['good']);
    expect(bad.commitIsDue).toBe(true);
    bad.committed();
    expect(bad.commitIsDue).toBe(false);
    expect(buffer.takeRefusals().filter(({ reason }) => reason === 'failed')).toHaveLength(SOURCES.length);
  });

  test('at the function that says event time is not counted twice: what a source refused before is taken back', () => {
    const { buffer, run } = session({ processing: 'skip' });
    buffer.push(batch(['throws']), 1);
    expect(run()).toEqual([]);
    expect(buffer.takeRefusals().map(({ sourceId, reason }) => `${sourceId} ${reason}`)).toEqual([
      'table failed',
      'stream failed',
    ]);
  });

  test('is not to blame for a damaged disk, nor for an invariant of ours', () => {
    const { bad } = session({ processing: 'dlq' });
    expect(bad.canSetAside(new Failure('engine.state_damaged', 'restart', 'damaged'))).toBe(false);
    expect(bad.canSetAside(new Failure('engine.record_failed', 'stop', 'failed'))).toBe(true);
    expect(session({}).bad.canSetAside(new RangeError('bad'))).toBe(false);
  });

  test('a thousand times in a row stops the input: then it is not the records', () => {
    const { buffer } = session({ processing: 'skip' });
    const fail = (offset: number): void => {
      buffer.push(batch(['good'], offset), 1);
      expect(buffer.head?.offset).toBe(offset);
      buffer.failHead(new RangeError('bad'));
      buffer.rewind();
      buffer.push(batch(['good'], offset), 1);
      expect(buffer.head).toBe(null);
      buffer.takeRefusals();
      buffer.committed = buffer.processed;
    };
    for (let offset = 0; offset < 500; offset++) fail(offset);
    buffer.push(batch(['good'], 500), 1);
    expect(buffer.head?.offset).toBe(500);
    buffer.shift();
    for (let offset = 501; offset <= 1_500; offset++) fail(offset);
    expect(() => fail(1_501)).toThrow('events[3] offset 1501 have all failed');
  });
});

describe('a record that is dropped', () => {
  test('is one letter, whoever else drops it, and none where a drop is no loss', () => {
    const { bad, buffer, letters, pending } = session({ dropped: 'dlq' });
    buffer.push(batch(['good', 'timeless', 'good']), 1);
    expect(buffer.head?.offset).toBe(0);
    bad.dropped({ node: 'join', reason: 'out_of_order' });
    bad.dropped({ node: 'window', reason: 'late' });
    bad.dropped({ node: 'other', reason: 'null_key' });
    buffer.shift();
    expect(letters()).toEqual(['good']);
    expect(pending.records[0]?.headers?.find(({ key }) => key.endsWith('.message'))?.value?.toString()).toBe(
      'dropped by window: late',
    );
    expect(buffer.head?.offset).toBe(2);
    expect(letters()).toEqual(['good', 'timeless']);
  });

  test('while time goes on without a record makes no letter of the next one', () => {
    const { bad, buffer, run, letters } = session({ dropped: 'dlq' });
    bad.dropped({ node: 'window', reason: 'late' });
    bad.forgetDrop();
    buffer.push(batch(['good']), 1);
    expect(run()).toEqual([0]);
    expect(letters()).toEqual([]);
  });
});

test('bad records are told once they are committed, a burst in one line, and what was taken back is not told', () => {
  const { bad, buffer, run, lines, pass } = session({ deserialization: 'skip' });
  buffer.push(batch(['garbage', 'garbage']), 1);
  run();
  bad.rewound();
  buffer.rewind();
  buffer.push(batch(['garbage', 'garbage']), 1);
  run();
  expect(lines).toEqual([]);
  bad.committed();
  buffer.push(batch(['garbage'], 2), 1);
  run();
  bad.committed();
  pass(10_000);
  bad.committed();
  expect(lines).toMatchObject([
    { topic: 'events', partition: 3, offset: 1, reason: 'undecodable', count: 2 },
    { offset: 2, count: 1 },
  ]);
});
