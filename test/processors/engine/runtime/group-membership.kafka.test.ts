import { expect, test } from 'vitest';
import { keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import { tableTopic, topicName } from '../../../../schemas/topic.ts';
import { topics } from '../../../../schemas/topics.ts';
import { subscriptionsOf } from '../../../connectors/kafka/kafka-client.ts';
import { PipelineRig, until } from '../pipeline-rig.ts';

const long: Schema<bigint> = { avro: 'long' };
const counts = tableTopic('counts', keyOf(topics.orders), long, 2);
const PARTITIONS = 4;
const sources = [topics.customers, topics.orders, topics.orderLines, topics.shipments] as never;
/** Longer than the test: whoever waits for a session to end fails. */
const NEVER_MS = '300000';

const one = { initial: () => 0n, add: (sum: bigint) => sum + 1n };
const counting = topology('counting', (builder) => {
  builder.stream(topics.orders).aggregate('count', long, one).to(counts);
});

function orders(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const order_id = `o${from + i}`;
    return { key: { order_id }, value: { order_id, order_date: 17_000, customer_id: 'ann', region: null } };
  });
}

const shipments = (from: number, count: number) =>
  orders(from, count).map(({ key, value }) => ({
    key,
    value: { order_id: value.order_id, ship_date: value.order_date + 2, ship_mode: null },
  }));

test.each(['a', 'b'] as const)(
  'instance %s of two is killed and started again: it has its tasks back, and the other one is not rebalanced',
  async (victim) => {
    await using rig = await PipelineRig.open();
    await rig.createTopics(sources, PARTITIONS);
    await rig.publish(topics.customers, [
      { key: { customer_id: 'ann' }, value: { customer_id: 'ann', name: 'Ann', segment: null } },
    ]);
    await rig.cut();
    const spawn = (instance: string) =>
      rig.spawn('order-fulfilment', instance, ['--session-timeout-ms', NEVER_MS]);
    // The first one leads the group.
    const a = spawn('a');
    await until(
      () => a.tasks,
      ({ length }) => length === PARTITIONS,
    );
    const b = spawn('b');
    await until(
      () => [a.tasks, b.tasks],
      (shares) => shares.every(({ length }) => length === PARTITIONS / 2),
    );
    const [killed, other] = victim === 'a' ? [a, b] : [b, a];
    const rebalances = other.assignments;
    await rig.publish(topics.orders, orders(0, 40));
    await killed.kill();
    const successor = spawn(victim);
    await rig.publish(topics.shipments, shipments(0, 40));
    const joined = await until(
      () => rig.results(topics.orderFulfilment),
      (seen) => seen.length >= 40,
    );
    expect(new Set(joined.map(({ key }) => key.order_id)).size).toBe(40);
    expect(joined).toHaveLength(40);
    expect(successor.tasks).toEqual(killed.tasks);
    expect(successor.assignments).toBe(1);
    expect(other.assignments).toBe(rebalances);
  },
);

test('what a process has of the changelogs it tells the leader, also of what it has restored', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics(sources, 2);
  await rig.cut();
  const first = rig.start(counting, 'a');
  await rig.publish(topics.orders, orders(0, 20));
  await until(
    () => rig.results(counts),
    (seen) => seen.length === 20,
  );
  const groupId = `${rig.prefix}-counting`;
  const positions = async () =>
    (await subscriptionsOf(groupId))
      .flatMap((subscription) => subscription.positions)
      .map(({ subTopology, partition, position }) => [`${subTopology}_${partition}`, position] as const);
  const total = (seen: Awaited<ReturnType<typeof positions>>): number =>
    seen.reduce((sum, [, position]) => sum + position, 0);
  // A rebalance makes them speak: the first one of what it has written, the second of what it has restored.
  const second = rig.start(counting, 'b');
  const written = await until(positions, (seen) => seen.length === 2);
  expect(total(written)).toBeGreaterThanOrEqual(20);
  await first.stop();
  const shares = async () =>
    (await rig.kafka.describeGroups([groupId])).flatMap(({ members }) =>
      members.map(({ assignment }) => [...assignment.values()].flat().length),
    );
  await until(shares, ([share, ...others]) => share === 2 && others.length === 0);
  rig.start(counting, 'c');
  const restored = await until(positions, (seen) => seen.length === 2 && total(seen) >= total(written));
  expect(restored.map(([task]) => task).toSorted()).toEqual(['0_0', '0_1']);
  await second.stop();
});

test('a process whose topology keeps other state is refused, and the one that runs goes on', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics(sources, 2);
  await rig.cut();
  const changed = topology('counting', (builder) => {
    const all = builder.stream(topics.orders);
    all.aggregate('count', long, one).to(counts);
    all.count('count-again');
  });
  const running = rig.start(counting, 'a');
  await until(
    () => running.state,
    (state) => state === null,
  );
  const newcomer = rig.start(changed, 'b');
  await expect(newcomer.ended).rejects.toMatchObject({
    code: 'kafka.plan_mismatch',
    order: 'stop',
    message: expect.stringMatching(/works by plan [0-9a-f]{16}.*this process has plan [0-9a-f]{16}/),
  });
  await rig.publish(topics.orders, orders(0, 4));
  await until(
    () => rig.results(counts),
    (seen) => seen.length === 4,
  );
});

test('of two processes with one instance the older one ends and says why, and the newer one goes on', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics(sources, 2);
  await rig.cut();
  const settings = { groupInstanceId: 'a', sessionTimeoutMs: Number(NEVER_MS) };
  const older = rig.start(counting, 'a', settings);
  const why = older.ended.catch((error: unknown) => error);
  // Its first commit is over: one that is under way when the other comes is a race of its own.
  const input = [0, 1].map((partition) => ({ topic: topicName(rig.prefix, topics.orders), partition }));
  await until(
    () => rig.kafka.committedOffsets(`${rig.prefix}-counting`, input),
    (offsets) => offsets.every((offset) => offset !== null),
  );
  const newer = rig.start(counting, 'a', settings);
  const gone = newer.ended.then(
    () => 'the newer one has ended',
    (error: unknown) => error,
  );
  // By the group or by the transactional id, whichever it turns to first.
  const first = await Promise.race([why.then((error) => ({ of: 'older', error })), gone]);
  expect(first).toMatchObject({ of: 'older' });
  expect(await why).toMatchObject({
    order: 'fenced',
    fix: expect.stringContaining('give each process an instance of its own'),
  });
  await rig.publish(topics.orders, orders(0, 4));
  await until(
    () => rig.results(counts),
    (seen) => seen.length === 4,
  );
  await newer.stop();
});
