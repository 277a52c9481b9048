import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Assignment, GroupListener, Kafka } from '../../../connectors/kafka/port.ts';
import {
  connect,
  createTopic,
  disconnect,
  groupState,
  joinAlone,
  readCommitted,
  text,
  textOf,
  unique,
} from './kafka-client.ts';
import { startCopier } from './copier.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

/** The smallest that a broker takes by default (group.min.session.timeout.ms). */
const SESSION_TIMEOUT_MS = 6_000;
const PARTITIONS = 4;

const all = (topic: string) => Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));

async function write(topic: string, from: number, to: number): Promise<void> {
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send(
    Array.from({ length: to - from }, (_, n) => text(topic, (from + n) % PARTITIONS, `${from + n}`)),
  );
  await producer.commit();
}

const numbers = (to: number): string[] => Array.from({ length: to }, (_, n) => `${n}`).toSorted();

/** Waits until the output holds this many committed records. */
async function settled(output: string, count: number): Promise<string[]> {
  for (;;) {
    const seen = (await readCommitted(kafka, all(output))).map(textOf);
    if (seen.length >= count) return seen.toSorted();
  }
}

test('members share tasks, and what a member leaves behind another goes on with, each record once', async () => {
  const [input, output] = [await createTopic(kafka, PARTITIONS), await createTopic(kafka, PARTITIONS)];
  // Longer than the test may take: who leaves must say so.
  const group = { groupId: unique('group'), sessionTimeoutMs: 300_000 };
  await write(input, 0, 20);
  const first = await startCopier(input, output, group);
  expect(await settled(output, 20)).toEqual(numbers(20));
  const second = await startCopier(input, output, group);
  await first.untilAssigned(2);
  await second.untilAssigned(2);
  await write(input, 20, 60);
  expect(await settled(output, 60)).toEqual(numbers(60));
  await first.leave();
  await second.untilAssigned(PARTITIONS);
  await write(input, 60, 80);
  expect(await settled(output, 80)).toEqual(numbers(80));
  await second.leave();
  expect(await kafka.committedOffsets(group.groupId, all(input))).not.toContain(null);
});

test('the tasks of a member that is cut off move, and what it does after that is refused', async () => {
  const [input, output] = [await createTopic(kafka, PARTITIONS), await createTopic(kafka, PARTITIONS)];
  const group = { groupId: unique('group'), sessionTimeoutMs: SESSION_TIMEOUT_MS };
  const zombie = await startCopier(input, output, group);
  const healthy = await startCopier(input, output, group);
  await zombie.untilAssigned(2);
  await healthy.untilAssigned(2);
  await write(input, 0, 20);
  expect(await settled(output, 20)).toEqual(numbers(20));
  // It sleeps with a transaction open, its offsets not yet sent.
  zombie.freeze();
  await write(input, 20, 40);
  await zombie.untilFrozen();
  await healthy.untilAssigned(PARTITIONS);
  expect(await settled(output, 40)).toEqual(numbers(40));
  zombie.thaw();
  await zombie.untilLost();
  await zombie.untilAssigned(2);
  await write(input, 40, 60);
  expect(await settled(output, 60)).toEqual(numbers(60));
  await zombie.leave();
  await healthy.leave();
});

const ignore: GroupListener = {
  onAssigned: () => Promise.resolve(),
  onRevoked: () => Promise.resolve(),
  onLost: () => Promise.resolve(),
};

test('nothing is assigned before the first checkpoint, and the listener has the membership that commits', async () => {
  const [left, right] = [await createTopic(kafka, 2), await createTopic(kafka, 2)];
  const groupId = unique('group');
  const assigned: Assignment[] = [];
  const member = await kafka.joinGroup({
    groupId,
    topics: [[left, right]],
    strategy: 'co-partitioned',
    listener: {
      ...ignore,
      async onAssigned(assignment, group) {
        assigned.push(assignment);
        await kafka.commitOffsets(group, [{ topic: left, partition: 0, offset: 1 }]);
      },
    },
  });
  expect(assigned).toEqual([]);
  await member.checkpoint();
  await member.checkpoint();
  expect(assigned).toEqual([
    new Map([
      [left, [0, 1]],
      [right, [0, 1]],
    ]),
  ]);
  expect(member.metadata.generationId).toBe(1);
  expect(await kafka.committedOffsets(groupId, [{ topic: left, partition: 0 }])).toEqual([1]);
  await member[Symbol.asyncDispose]();
});

test('topics that are joined must have equal numbers of partitions', async () => {
  const [left, right] = [await createTopic(kafka, 2), await createTopic(kafka, 3)];
  const member = await kafka.joinGroup({
    groupId: unique('group'),
    topics: [[left, right]],
    strategy: 'co-partitioned',
    listener: ignore,
  });
  await expect(member.checkpoint()).rejects.toMatchObject({
    code: 'kafka.not_co_partitioned',
    order: 'stop',
    message: expect.stringContaining(`${left} (2), ${right} (3)`),
  });
  await member[Symbol.asyncDispose]();
});

test('a session timeout that the broker does not allow is refused with the fix', async () => {
  const topic = await createTopic(kafka, 1);
  const member = await kafka.joinGroup({
    groupId: unique('group'),
    topics: [[topic]],
    strategy: 'range',
    sessionTimeoutMs: 1,
    listener: ignore,
  });
  await expect(member.checkpoint()).rejects.toMatchObject({
    code: 'kafka.invalid_session_timeout',
    order: 'stop',
    fix: expect.stringContaining('group.min.session.timeout.ms'),
  });
  await member[Symbol.asyncDispose]();
});

test('a join that waits for others is given up when the signal aborts, and the others do not wait for it', async () => {
  const topic = await createTopic(kafka, 1);
  const groupId = unique('group');
  await using busy = await joinAlone(kafka, groupId, topic);
  const stop = new AbortController();
  const listener = { onAssigned: async () => {}, onRevoked: async () => {}, onLost: async () => {} };
  const waiting = await kafka.joinGroup({
    groupId,
    topics: [[topic]],
    strategy: 'co-partitioned',
    listener,
    signal: stop.signal,
  });
  const joining = waiting.checkpoint();
  await expect.poll(() => groupState(groupId)).toBe('PreparingRebalance');
  stop.abort();
  await joining;
  expect(waiting.metadata.generationId).toBe(-1);
  await waiting[Symbol.asyncDispose]();
  await expect
    .poll(
      async () => {
        await busy.checkpoint();
        return groupState(groupId);
      },
      { timeout: 8_000 },
    )
    .toBe('Stable');
});
