import { expect, test } from 'vitest';
import type { PendingEntry } from '../../../../processors/engine/inspection/pending-entry.ts';
import { type TestDriver, testDriver } from '../../../../processors/engine/test-driver.ts';
import { topology } from '../../../../processors/engine/topology.ts';
import type { KStream } from '../../../../processors/engine/kstream.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import type { Topic } from '../../../../schemas/topic.ts';

const text = { kind: 'stream', key: 'string', value: 'string', partitions: 1 } as const;
const lefts: Topic<string, string> = { ...text, name: 'lefts' };
const rights: Topic<string, string> = { ...text, name: 'rights' };
const users: Topic<string, string> = { ...text, kind: 'table', name: 'users' };
const long: Schema<bigint> = { avro: 'long' };
const count = { initial: () => 0n, add: (sum: bigint) => sum + 1n };
const counting = { ...count, merge: (older: bigint, newer: bigint) => older + newer };
type Events = KStream<string, string>;

const over = (define: (events: Events, others: Events) => unknown): TestDriver =>
  testDriver(topology('asked', (builder) => void define(builder.stream(lefts), builder.stream(rights))));
const pendingOf = (driver: TestDriver, key = 'a'): readonly PendingEntry[] =>
  driver.why(key).operators.flatMap(({ pending }) => pending);
const shape = ({ what, until }: PendingEntry) => [what, until];

/** Every `until` is the first stream time without the entry: a tick of another key one earlier leaves it. */
function endsExactly(driver: TestDriver, until: number): void {
  driver.restart();
  driver.pipe(lefts, 'tick', 't', { timestamp: until - 1 });
  expect(pendingOf(driver).map((entry) => entry.until)).toContain(until);
  driver.pipe(lefts, 'tick', 't', { timestamp: until });
  expect(pendingOf(driver).map((entry) => entry.until)).not.toContain(until);
}

test.each([
  [{ before: 3, after: 7 }, 2, 100 + 7 + 2 + 1],
  [{ before: 10, after: -5 }, 0, 100 - 5 + 1],
])(
  'an event of a left join without a partner is pending until its window %j has closed',
  (within, grace, until) => {
    const driver = over((events, others) =>
      events.leftJoin('paired', others, { within, grace }, (left, right) => `${left}${right}`),
    );
    driver.pipe(lefts, 'a', 'one', { timestamp: 100 });
    const [operator] = driver.why('a').operators;
    expect(operator).toMatchObject({
      operator: 'paired',
      kind: 'stream-stream-join',
      task: '0_0',
      streamTime: 100,
    });
    expect(operator?.pending).toMatchObject([
      {
        what: 'unmatched',
        side: 'left',
        until,
        partners: { from: 100 - within.before, to: 100 + within.after },
        entry: { key: 'a', value: 'one', time: 100 },
      },
    ]);
    if (until > 100) driver.pipe(lefts, 'tick', 't', { timestamp: until - 1 });
    expect(pendingOf(driver).map(({ what }) => what)).toEqual(['unmatched']);
    // What has come out may stay in its buffer, for partners that are on time.
    driver.pipe(lefts, 'tick', 't', { timestamp: until });
    expect(pendingOf(driver).map(({ what }) => what)).not.toContain('unmatched');
  },
);

test('an event that has met a partner stays buffered until no other can come', () => {
  const driver = over((events, others) =>
    events.join('paired', others, { within: 5, grace: 3 }, (left, right) => `${left}${right}`),
  );
  driver.pipe(lefts, 'a', 'one', { timestamp: 100 });
  driver.pipe(rights, 'a', 'two', { timestamp: 102 });
  expect(pendingOf(driver).map((entry) => [entry.side, ...shape(entry)])).toEqual([
    ['left', 'buffered', 114],
    ['right', 'buffered', 116],
  ]);
  endsExactly(driver, 114);
});

test.each([
  [{ tumbling: 10 }, 'open_window', 20 + 4],
  [{ hopping: 10, advance: 10 }, 'open_window', 20 + 4],
  [{ sliding: 10 }, 'open_window', 14 + 4 + 1],
] as const)('a window %j is open until its end and grace have passed', (window, what, until) => {
  for (const emit of ['on-close', 'on-update'] as const) {
    const driver = over((events) =>
      events.windowedBy(window, { grace: 4, emit }).aggregate('counted', long, count),
    );
    driver.pipe(lefts, 'a', 'one', { timestamp: 14 });
    expect(pendingOf(driver).map(shape)).toEqual([[what, until]]);
    expect(pendingOf(driver)[0]?.entry).toMatchObject({ key: 'a', value: 1 });
    endsExactly(driver, until);
  }
});

test('a session is open until nothing can lengthen it', () => {
  const driver = over((events) =>
    events.sessions({ session: 10 }, { grace: 4 }).aggregate('counted', long, counting),
  );
  driver.pipe(lefts, 'a', 'one', { timestamp: 14 });
  driver.pipe(lefts, 'a', 'two', { timestamp: 16 });
  expect(pendingOf(driver).map(shape)).toEqual([['open_session', 16 + 10 + 4 + 1]]);
  expect(pendingOf(driver)[0]?.entry).toMatchObject({ start: 14, end: 16, value: 2 });
  endsExactly(driver, 31);
});

test('a change that is held back is found by the key of its events and by that of its window', () => {
  const driver = over((events) =>
    events
      .windowedBy({ tumbling: 10 }, { grace: 4, emit: 'on-update' })
      .aggregate('counted', long, count)
      .suppressUntilWindowCloses('final'),
  );
  driver.pipe(lefts, 'a', 'one', { timestamp: 14 });
  driver.pipe(lefts, 'a', 'two', { timestamp: 15 });
  const held = pendingOf(driver).filter(({ what }) => what === 'held_back');
  expect(held).toMatchObject([{ until: 24, entry: { known: null, value: 2, due: 24 } }]);
  const window = '{"key":"a","window_start":10,"window_end":20}';
  expect(driver.why(window).operators.find(({ operator }) => operator === 'final')?.pending).toEqual(held);
  endsExactly(driver, 24);
});

test('a change of a plain table is held back until its time limit', () => {
  const driver = testDriver(
    topology('limited', (builder) => {
      builder.table(users).suppress('slow', { timeLimit: 50, recordsMax: 9 });
    }),
  );
  driver.pipe(users, 'a', 'Ada', { timestamp: 100 });
  expect(pendingOf(driver)).toMatchObject([
    { what: 'held_back', until: 150, outcome: 'the last change is told, sooner when 9 are held' },
  ]);
});

test('an event that waits for a row of a versioned table is pending until its time and grace', () => {
  const driver = testDriver(
    topology('waiting', (builder) => {
      const table = builder.table(users, { history: 100 });
      builder.stream(lefts).leftJoinTable('named', table, { grace: 10 }, (left, user) => `${left}${user}`);
    }),
  );
  driver.pipe(lefts, 'a', 'one', { timestamp: 50 });
  expect(pendingOf(driver)).toMatchObject([
    { what: 'waiting', until: 60, entry: { value: 'one', time: 50 } },
  ]);
  endsExactly(driver, 60);
});

test('a key that no operator knows is refused, an operator that waits for other keys is named', () => {
  const numbers: Topic<bigint, string> = { ...text, name: 'numbers', key: 'long' };
  const driver = testDriver(
    topology('two', (builder) => {
      builder.stream(numbers).windowedBy({ tumbling: 10 }, { grace: 0 }).count('by-number');
      builder.stream(lefts).windowedBy({ tumbling: 10 }, { grace: 0 }).count('by-text');
    }),
  );
  driver.pipe(lefts, 'a', 'one', { timestamp: 1 });
  expect(driver.why('a')).toMatchObject({ operators: [{ operator: 'by-text' }], unlike: ['by-number'] });
  expect(driver.why('b').operators).toMatchObject([{ streamTime: 1, pending: [] }]);
  const nobody = testDriver(topology('none', (builder) => void builder.table(users)));
  expect(nobody.why('a')).toEqual({ operators: [], elsewhere: [], unlike: [], truncated: false });
});
