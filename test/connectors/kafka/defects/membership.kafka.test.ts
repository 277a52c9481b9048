import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GroupListener, Kafka } from '../../../../connectors/kafka/port.ts';
import { systemClock } from '../../../../infra/process/clock.ts';
import { connect, createTopic, disconnect, groupState, take, text, textOf, unique } from '../kafka-client.ts';
import { stockClient } from './stock-kafkajs.ts';
import { valueOf } from './stock-reader.ts';

/** The smallest that a broker takes by default (group.min.session.timeout.ms). */
const SESSION_TIMEOUT_MS = 6_000;
const HEARTBEAT_MS = 50;

let kafka: Kafka;
beforeAll(async () => {
  // What the test waits for is heard of at the next heartbeat.
  const every = (_: number, tick: () => void) => systemClock.every(HEARTBEAT_MS, tick);
  kafka = await connect({ ...systemClock, every });
});
afterAll(() => disconnect(kafka));

async function write(topic: string, partition: number, value: string): Promise<void> {
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send([text(topic, partition, value)]);
  await producer.commit();
}

async function stockConsumer(groupId: string, topic: string, sessionTimeout: number) {
  const consumer = stockClient().consumer({
    groupId,
    sessionTimeout,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: HEARTBEAT_MS,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  return Object.assign(consumer, { [Symbol.asyncDispose]: () => consumer.disconnect() });
}

const listener: GroupListener = {
  onAssigned: () => Promise.resolve(),
  onRevoked: () => Promise.resolve(),
  onLost: () => Promise.resolve(),
};

test('a handler waits for longer than the session: stock loses its membership, ours keeps it', async () => {
  const topic = await createTopic(kafka, 1);
  const ourGroup = unique('group');
  await using ours = await kafka.joinGroup({
    groupId: ourGroup,
    topics: [[topic]],
    strategy: 'co-partitioned',
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    listener,
  });
  await ours.checkpoint();

  // From here on neither owner calls its client.
  await write(topic, 0, 'slow to handle');
  const stockGroup = unique('group');
  const release = Promise.withResolvers<void>();
  const handling = Promise.withResolvers<void>();
  await using stock = await stockConsumer(stockGroup, topic, SESSION_TIMEOUT_MS);
  await stock.run({
    autoCommit: false,
    eachMessage: () => {
      handling.resolve();
      return release.promise;
    },
  });
  await handling.promise;
  expect(await groupState(stockGroup)).toBe('Stable');
  await expect.poll(() => groupState(stockGroup), { timeout: 20_000, interval: 200 }).toBe('Empty');
  expect(await groupState(ourGroup)).toBe('Stable');
  await kafka.commitOffsets(ours.metadata, [{ topic, partition: 0, offset: 1 }]);
  release.resolve();
});

test('a second member comes: stock gives it the partition while the first still lets go, ours waits for the first', async () => {
  const topic = await createTopic(kafka, 2);
  expect(await stockHandOver(topic)).toEqual(['second has its partitions', 'first has let go']);
  expect(await ourHandOver(topic)).toEqual(['first has let go', 'second has its partitions']);
});

async function stockHandOver(topic: string): Promise<string[]> {
  const events: string[] = [];
  const groupId = unique('group');
  const assigned = Promise.withResolvers<void>();
  const letGo = Promise.withResolvers<string[]>();
  await using first = await stockConsumer(groupId, topic, 30_000);
  await using second = await stockConsumer(groupId, topic, 30_000);
  const onRebalancing = async (): Promise<void> => {
    await assigned.promise;
    events.push('first has let go');
    letGo.resolve([...events]);
  };
  // A promise that nobody waits for, as the type of the listener says.
  first.on(first.events.REBALANCING, onRebalancing as () => unknown);
  second.on(second.events.GROUP_JOIN, ({ payload }) => {
    if (Object.keys(payload.memberAssignment).length === 0) return;
    events.push('second has its partitions');
    assigned.resolve();
  });
  await first.run({ eachMessage: () => Promise.resolve() });
  await second.run({ eachMessage: () => Promise.resolve() });
  return await letGo.promise;
}

async function ourHandOver(topic: string): Promise<string[]> {
  const events: string[] = [];
  const letting = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const group = { groupId: unique('group'), topics: [[topic]], strategy: 'co-partitioned' } as const;
  await using first = await kafka.joinGroup({
    ...group,
    listener: {
      ...listener,
      async onRevoked() {
        letting.resolve();
        await release.promise;
        events.push('first has let go');
      },
    },
  });
  await using second = await kafka.joinGroup({
    ...group,
    listener: {
      ...listener,
      onAssigned() {
        events.push('second has its partitions');
        return Promise.resolve();
      },
    },
  });
  await first.checkpoint();
  const joined = second.checkpoint();
  const stop = new AbortController();
  const running = (async () => {
    while (!stop.signal.aborted) {
      await first.checkpoint();
      await systemClock.sleep(HEARTBEAT_MS, stop.signal);
    }
  })();
  await letting.promise;
  expect(await groupState(group.groupId)).toBe('PreparingRebalance');
  expect(events).toEqual([]);
  release.resolve();
  await joined;
  stop.abort();
  await running;
  return events;
}

test('one partition is handled slowly: stock reads none until it is done, ours reads the others', async () => {
  const topic = await createTopic(kafka, 2);
  await write(topic, 0, 'slow');

  const release = Promise.withResolvers<void>();
  const handling = Promise.withResolvers<void>();
  const stockSeen: string[] = [];
  let fetches = 0;
  await using stock = await stockConsumer(unique('group'), topic, 30_000);
  stock.on(stock.events.FETCH_START, () => {
    fetches++;
  });
  await stock.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 2,
    async eachMessage({ partition, message }) {
      stockSeen.push(valueOf(message));
      if (partition > 0) return;
      handling.resolve();
      await release.promise;
    },
  });
  await handling.promise;
  const before = fetches;

  await using fetcher = kafka.openFetcher();
  fetcher.assign([0, 1].map((partition) => ({ topic, partition, offset: 0 })));
  expect((await take(fetcher, 1)).map(textOf)).toEqual(['slow']);
  fetcher.pause([{ topic, partition: 0 }]);
  for (const value of ['one', 'two', 'three']) {
    await write(topic, 1, value);
    expect((await take(fetcher, 1)).map(textOf)).toEqual([value]);
  }
  expect({ stockSeen, fetches }).toEqual({ stockSeen: ['slow'], fetches: before });
  release.resolve();
  await expect.poll(() => stockSeen, { timeout: 10_000 }).toEqual(['slow', 'one', 'two', 'three']);
});
