import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { type DrivenMember, type DrivenOptions, startMember } from './driven-member.ts';
import { connect, createTopic, disconnect, unique } from './kafka-client.ts';

const PARTITIONS = 4;
/** Longer than any test: whoever waits for it fails. */
const NEVER_MS = 300_000;
/** The smallest that a broker takes by default (group.min.session.timeout.ms). */
const SESSION_TIMEOUT_MS = 6_000;
const POLL = { interval: 20, timeout: 20_000 };

let kafka: Kafka;
const started: DrivenMember[] = [];
beforeAll(async () => {
  kafka = await connect();
});
afterEach(async () => {
  for (const member of started.splice(0)) await member.stop();
});
afterAll(() => disconnect(kafka));

async function start(options: DrivenOptions): Promise<DrivenMember> {
  const member = await startMember(options);
  started.push(member);
  return member;
}

const held = ({ assignment }: DrivenMember): number => [...assignment.values()].flat().length;
const untilHeld = (member: DrivenMember, count: number) => expect.poll(() => held(member), POLL).toBe(count);

/** Two static members, `a` the leader, that share the partitions of a topic. */
async function startPair(): Promise<{ options: DrivenOptions; a: DrivenMember; b: DrivenMember }> {
  const topic = await createTopic(kafka, PARTITIONS);
  const options = {
    groupId: unique('group'),
    topics: [[topic]],
    strategy: 'co-partitioned',
    sessionTimeoutMs: NEVER_MS,
  } as const;
  const a = await start({ ...options, groupInstanceId: 'a' });
  await untilHeld(a, PARTITIONS);
  const b = await start({ ...options, groupInstanceId: 'b' });
  await untilHeld(a, PARTITIONS / 2);
  await untilHeld(b, PARTITIONS / 2);
  return { options, a, b };
}

test.each(['leader', 'follower'] as const)(
  'a %s that is killed and started again has its old partitions at once, and the other notices nothing',
  async (who) => {
    const { options, a, b } = await startPair();
    const [killed, other, id] = who === 'leader' ? [a, b, 'a'] : [b, a, 'b'];
    const before = [...other.events];
    await killed.vanish();
    const successor = await start({ ...options, groupInstanceId: id });
    await untilHeld(successor, PARTITIONS / 2);
    expect(successor.assignment).toEqual(killed.assignment);
    expect(successor.metadata.generationId).toBe(killed.metadata.generationId);
    expect(successor.metadata.memberId).not.toBe(killed.metadata.memberId);

    // The group is led as before: a third member makes it rebalance, and gets its share.
    const third = await start({ ...options, groupInstanceId: 'c' });
    expect(other.events).toEqual(before);
    await untilHeld(third, 1);
    const owned = () =>
      [successor, other, third].flatMap(({ assignment }) => [...assignment.values()].flat());
    await expect.poll(() => owned().toSorted((x, y) => x - y), POLL).toEqual([0, 1, 2, 3]);
  },
);

test('two processes with one instance id: the older one is told, and who it is', async () => {
  const { options, a, b } = await startPair();
  const twin = await start({ ...options, groupInstanceId: 'b' });
  await untilHeld(twin, PARTITIONS / 2);
  await expect(b.ended).rejects.toMatchObject({
    code: 'kafka.fenced_instance_id',
    order: 'fenced',
    message: expect.stringMatching(
      new RegExp(`group ${options.groupId} as its static member "b".*two processes carry one instance id`),
    ),
    fix: expect.stringContaining('instance of its own'),
  });
  expect(b.events.at(-1)).toBe('lost');
  expect(a.events).not.toContain('lost');
  expect(twin.metadata.generationId).toBe(a.metadata.generationId);
});

test('offsets of the older one are refused, in a transaction and outside; those of the newer one are taken', async () => {
  const { options, a } = await startPair();
  const [topic] = options.topics.flat();
  const offsets = [{ topic: topic ?? '', partition: a.assignment.get(topic ?? '')?.[0] ?? 0, offset: 7 }];
  const old = a.metadata;
  await a.vanish();
  const successor = await start({ ...options, groupInstanceId: 'a' });
  await untilHeld(successor, PARTITIONS / 2);
  const refusal = {
    code: 'kafka.fenced_instance_id',
    order: 'fenced',
    message: expect.stringContaining(`group ${options.groupId}, generation ${old.generationId}, instance a`),
  };
  await expect(kafka.commitOffsets(old, offsets)).rejects.toMatchObject(refusal);
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await expect(producer.sendOffsets(old, offsets)).rejects.toMatchObject(refusal);
  await producer.abort();
  producer.begin();
  await producer.sendOffsets(successor.metadata, offsets);
  await producer.commit();
  expect(await kafka.committedOffsets(options.groupId, offsets)).toEqual([7]);
  await kafka.commitOffsets(successor.metadata, [{ ...offsets[0]!, offset: 8 }]);
  expect(await kafka.committedOffsets(options.groupId, offsets)).toEqual([8]);
});

test.each(['leader', 'follower'] as const)(
  'a %s that comes back with other topics makes the group rebalance, and each topic is with who reads it',
  async (who) => {
    const [one, two] = [await createTopic(kafka, 2), await createTopic(kafka, 2)];
    const options = { groupId: unique('group'), strategy: 'range', sessionTimeoutMs: NEVER_MS } as const;
    const a = await start({ ...options, topics: [[one]], groupInstanceId: 'a' });
    await untilHeld(a, 2);
    const b = await start({ ...options, topics: [[one]], groupInstanceId: 'b' });
    await untilHeld(b, 1);
    const [killed, other, id] = who === 'leader' ? [a, b, 'a'] : [b, a, 'b'];
    await killed.vanish();
    const successor = await start({ ...options, topics: [[one], [two]], groupInstanceId: id });
    await expect.poll(() => successor.assignment.get(two), POLL).toEqual([0, 1]);
    await expect.poll(() => other.assignment, POLL).toEqual(new Map([[one, [0, 1]]]));
  },
);

test('a static member that is stopped keeps its place, unless it is told to leave', async () => {
  const { options, a, b } = await startPair();
  const before = [...a.events];
  await b.stop();
  const again = await start({ ...options, groupInstanceId: 'b', leaveOnClose: true });
  await untilHeld(again, PARTITIONS / 2);
  expect(again.metadata.generationId).toBe(a.metadata.generationId);
  expect(a.events).toEqual(before);
  await again.stop();
  await untilHeld(a, PARTITIONS);
});

/** A clock on which waiting costs nothing. */
const hasty = { sleep: () => systemClock.sleep(0) };

test('a member with another plan is refused and told who has which, and the group goes on undisturbed', async () => {
  const topic = await createTopic(kafka, PARTITIONS);
  const options = { groupId: unique('group'), topics: [[topic]], strategy: 'co-partitioned' } as const;
  const a = await start({ ...options, planHash: 'aaaa' });
  await untilHeld(a, PARTITIONS);
  const newcomer = await start({ ...options, planHash: 'bbbb', clock: hasty });
  await expect(newcomer.ended).rejects.toMatchObject({
    code: 'kafka.plan_mismatch',
    order: 'stop',
    message: expect.stringMatching(
      new RegExp(`${options.groupId} works by plan aaaa.*kafka-test \\(.*this process has plan bbbb`),
    ),
    fix: expect.stringContaining('stop the members with the other plan'),
  });
  expect(newcomer.events).toEqual([]);
  expect(a.events).toHaveLength(1);
  expect(a.metadata.generationId).toBe(1);
});

test('a plan that nobody works by any more gives way, be it that of a killed static member with the same id', async () => {
  const topic = await createTopic(kafka, PARTITIONS);
  const options = {
    groupId: unique('group'),
    topics: [[topic]],
    strategy: 'co-partitioned',
    groupInstanceId: 'a',
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
  } as const;
  const old = await start({ ...options, planHash: 'aaaa' });
  await untilHeld(old, PARTITIONS);
  await old.vanish();
  const successor = await start({ ...options, planHash: 'bbbb' });
  await untilHeld(successor, PARTITIONS);
});

test('a listener that takes longer than the session keeps its membership', async () => {
  const topic = await createTopic(kafka, PARTITIONS);
  const groupId = unique('group');
  const options = {
    groupId,
    topics: [[topic]],
    strategy: 'co-partitioned',
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
  } as const;
  const done = Promise.withResolvers<void>();
  const silent = await start(options);
  await untilHeld(silent, PARTITIONS);
  const busy = await start({ ...options, busy: () => done.promise });
  await untilHeld(busy, PARTITIONS / 2);
  // When the group has given up the one that is silent, the same session has passed for the one that is busy.
  await silent.vanish();
  await expect.poll(async () => (await kafka.describeGroups([groupId]))[0]?.members.length, POLL).toBe(1);
  const { memberId } = busy.metadata;
  done.resolve();
  await untilHeld(busy, PARTITIONS);
  expect(busy.metadata.memberId).toBe(memberId);
  expect(busy.events).not.toContain('lost');
});

test('the leader gives a task to the member whose stores are furthest', async () => {
  const topic = await createTopic(kafka, PARTITIONS);
  const options = { groupId: unique('group'), topics: [[topic]], strategy: 'co-partitioned' } as const;
  const a = await start(options);
  await untilHeld(a, PARTITIONS);
  const far = [0, 2].map((partition) => ({ subTopology: 0, partition, position: 100_000 }));
  const b = await start({ ...options, taskPositions: () => far });
  await untilHeld(b, 2);
  expect(b.assignment.get(topic)).toEqual([0, 2]);
  await expect.poll(() => a.assignment.get(topic), POLL).toEqual([1, 3]);
});
