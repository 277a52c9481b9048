import { expect, test } from 'vitest';
import { planHash } from '../../../../processors/engine/plan/plan-hash.ts';
import { orderFulfilment } from '../../../../processors/pipelines/order-fulfilment.ts';
import { keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import { tableTopic, topicName } from '../../../../schemas/topic.ts';
import { decimal } from '../../../../schemas/decimal.ts';
import { topics } from '../../../../schemas/topics.ts';
import { type Change, PipelineRig, until } from '../pipeline-rig.ts';

const long: Schema<bigint> = { avro: 'long' };
const counts = tableTopic('counts', keyOf(topics.orders), long, 2);

const PARTITIONS = 4;
const CUSTOMERS = ['ann', 'bob', 'cid', 'dee', 'eve'];

const sources = [topics.customers, topics.orders, topics.orderLines, topics.shipments] as never;

function customers(): Change<
  { customer_id: string },
  { customer_id: string; name: string; segment: null }
>[] {
  return CUSTOMERS.map((customer_id) => ({
    key: { customer_id },
    value: { customer_id, name: `Name of ${customer_id}`, segment: null },
  }));
}

function lines(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const line_id = from + i;
    const customer_id = CUSTOMERS[line_id % CUSTOMERS.length] ?? null;
    const amounts = { quantity: 1, sales: decimal('1.0000'), profit: decimal('0.5000') };
    return { key: { line_id }, value: { line_id, order_id: null, customer_id, ...amounts } };
  });
}

function orders(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const order_id = `o${from + i}`;
    const customer_id = CUSTOMERS[(from + i) % CUSTOMERS.length] ?? null;
    return {
      key: { order_id },
      value: { order_id, order_date: 17_000 + Math.floor((from + i) / 50), customer_id, region: null },
    };
  });
}

function shipments(from: number, count: number) {
  return orders(from, count).map(({ key, value }) => ({
    key,
    value: { order_id: value.order_id, ship_date: value.order_date + 2, ship_mode: null },
  }));
}

test('a join that is killed between any steps puts out every pair once', { timeout: 120_000 }, async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics(sources, PARTITIONS);
  await rig.publish(topics.customers, customers());
  await rig.cut();
  const batch = 60;
  const kills = 3;
  for (let life = 0; life < kills; life++) {
    const processor = rig.spawn('order-fulfilment', 'a');
    await rig.publish(topics.orders, orders(life * batch, batch));
    await rig.publish(topics.shipments, shipments(life * batch, batch / 2));
    await until(
      () => rig.results(topics.orderFulfilment),
      (seen) => seen.length > life * batch,
    );
    await rig.publish(topics.shipments, shipments(life * batch + batch / 2, batch / 2));
    await processor.kill();
  }
  const last = rig.spawn('order-fulfilment', 'a');
  const seen = await until(
    () => rig.results(topics.orderFulfilment),
    (all) => all.length >= kills * batch,
  );
  expect(await last.terminate()).toBe(0);
  expect(seen.map(({ key }) => key.order_id).sort()).toEqual(
    orders(0, kills * batch)
      .map(({ key }) => key.order_id)
      .sort(),
  );
  expect(new Set(seen.map(({ value }) => value?.days_to_ship))).toEqual(new Set([2]));
});

test(
  'two instances share the tasks, one is killed, and no row is counted twice',
  { timeout: 120_000 },
  async () => {
    await using rig = await PipelineRig.open();
    await rig.createTopics(sources, PARTITIONS);
    await rig.publish(topics.customers, customers());
    await rig.cut();
    const survivor = rig.spawn('customer-revenue', 'a');
    const victim = rig.spawn('customer-revenue', 'b');
    const tasks = 2 * PARTITIONS;
    await until(
      () => [survivor.tasks, victim.tasks],
      (shares) => shares.every(({ length }) => length === tasks / 2),
    );
    const batch = 100;
    const total = () => rig.results(topics.customerRevenue);
    const counted = (seen: Awaited<ReturnType<typeof total>>): number => {
      const latest = new Map(seen.map(({ key, value }) => [key.customer_id, value?.lines ?? 0]));
      return [...latest.values()].reduce((a, b) => a + b, 0);
    };
    await rig.publish(topics.orderLines, lines(0, batch));
    await until(total, (seen) => counted(seen) === batch);
    await rig.publish(topics.orderLines, lines(batch, batch));
    await victim.kill();
    await rig.publish(topics.orderLines, lines(2 * batch, batch));
    const seen = await until(total, (all) => counted(all) === 3 * batch);
    await until(
      () => survivor.tasks,
      ({ length }) => length === tasks,
    );

    for (const customer of CUSTOMERS) {
      const steps = seen.filter(({ key }) => key.customer_id === customer).map(({ value }) => value?.lines);
      const each = (3 * batch) / CUSTOMERS.length;
      expect(steps).toEqual(Array.from({ length: each }, (_, i) => i + 1));
    }
  },
);

test('a process that is told to stop while it joins works on no task whose state is not restored', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics(sources, 2);
  await rig.cut();
  const counting = topology('counting', (builder) => {
    const one = { initial: () => 0n, add: (sum: bigint) => sum + 1n };
    builder.stream(topics.orders).aggregate('count', long, one).to(counts);
  });
  const keys = ['o1', 'o2', 'o3', 'o4'];
  const order = keys.map((order_id) => ({
    key: { order_id },
    value: { order_id, order_date: 1, customer_id: null, region: null },
  }));
  const first = rig.start(counting);
  await rig.publish(topics.orders, order);
  await until(
    () => rig.results(counts),
    (seen) => seen.length === keys.length,
  );
  await first.stop();

  const joined = Promise.withResolvers<void>();
  const mayRejoin = Promise.withResolvers<void>();
  const other = await rig.kafka.joinGroup({
    groupId: `${rig.prefix}-counting`,
    topics: [[topicName(rig.prefix, topics.orders)]],
    strategy: 'co-partitioned',
    planHash: planHash(counting.plan),
    listener: {
      onAssigned: () => Promise.resolve(),
      onLost: () => Promise.resolve(),
      onRevoked: () => {
        joined.resolve();
        return mayRejoin.promise;
      },
    },
  });
  await other.checkpoint();
  const before = other.metadata.generationId;
  const stopped = rig.start(counting);
  await rig.publish(topics.orders, order);
  const rebalanced = until(
    async () => other.checkpoint().then(() => other.metadata.generationId),
    (generation) => generation > before,
  );
  await joined.promise;
  const stopping = stopped.stop();
  mayRejoin.resolve();
  await stopping;
  await rebalanced;
  await other[Symbol.asyncDispose]();

  rig.start(counting);
  await rig.publish(topics.orders, order);
  const seen = await until(
    () => rig.results(counts),
    (all) => all.length >= 3 * keys.length,
  );
  for (const order_id of keys)
    expect(seen.filter(({ key }) => key.order_id === order_id).map(({ value }) => value)).toEqual([
      1n,
      2n,
      3n,
    ]);
});

test(
  'a process that wakes up after the group has gone on commits nothing of what it had',
  { timeout: 120_000 },
  async () => {
    await using rig = await PipelineRig.open();
    await rig.createTopics(sources, PARTITIONS);
    await rig.publish(topics.customers, customers());
    await rig.cut();
    const awake = rig.spawn('customer-revenue', 'a');
    const zombie = rig.spawn('customer-revenue', 'b');
    await until(
      () => [awake.tasks, zombie.tasks],
      (shares) => shares.every(({ length }) => length === PARTITIONS),
    );
    const counted = (count: number) =>
      until(
        () => rig.results(topics.customerRevenue),
        (seen) => seen.length >= count,
      );
    await rig.publish(topics.orderLines, lines(0, 50));
    await counted(50);
    zombie.signal('SIGSTOP');
    await rig.publish(topics.orderLines, lines(50, 50));
    await counted(100);
    zombie.signal('SIGCONT');
    await rig.publish(topics.orderLines, lines(100, 50));
    await until(
      () => zombie.tasks,
      ({ length }) => length === PARTITIONS,
    );
    await rig.publish(topics.orderLines, lines(150, 50));
    const seen = await counted(200);
    for (const customer of CUSTOMERS) {
      const steps = seen.filter(({ key }) => key.customer_id === customer).map(({ value }) => value?.lines);
      expect(steps).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    }
  },
);

test('a new owner restores the state: an order from before the restart meets a shipment from after it', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics(sources, PARTITIONS);
  await rig.publish(topics.customers, customers());
  await rig.cut();
  const first = rig.start(orderFulfilment, 'a');
  await rig.publish(topics.orders, orders(0, 20));
  await rig.publish(topics.shipments, shipments(0, 1));
  await until(
    () => rig.results(topics.orderFulfilment),
    (seen) => seen.length === 1,
  );
  await first.stop();
  rig.start(orderFulfilment, 'b');
  await rig.publish(topics.shipments, shipments(1, 19));
  const seen = await until(
    () => rig.results(topics.orderFulfilment),
    (all) => all.length >= 20,
  );
  expect(new Set(seen.map(({ key }) => key.order_id)).size).toBe(20);
  expect(seen).toHaveLength(20);
});
