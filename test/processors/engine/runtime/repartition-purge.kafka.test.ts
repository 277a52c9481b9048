import { expect, test } from 'vitest';
import type { TopicPartition } from '../../../../connectors/kafka/port.ts';
import { keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import { tableTopic } from '../../../../schemas/topic.ts';
import { topics } from '../../../../schemas/topics.ts';
import { decimal } from '../../../../schemas/decimal.ts';
import { PipelineRig, until } from '../pipeline-rig.ts';

const PARTITIONS = 2;
const CUSTOMERS = ['ann', 'bob', 'cid', 'dee'];
const long: Schema<bigint> = { avro: 'long' };
const counts = tableTopic('counts', keyOf(topics.customers), long, PARTITIONS);

/** Orders per customer: the orders have to be repartitioned. */
const counting = topology('counting', (builder) => {
  builder
    .table(topics.orders)
    .groupBy('by-customer', keyOf(topics.customers), ({ customer_id }) =>
      customer_id === null ? null : { customer_id },
    )
    .aggregate('count', long, {
      initial: () => 0n,
      add: (sum) => sum + 1n,
      subtract: (sum) => sum - 1n,
    })
    .to(counts);
});

function orders(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const order_id = `o${from + i}`;
    const customer_id = CUSTOMERS[(from + i) % CUSTOMERS.length] ?? null;
    return { key: { order_id }, value: { order_id, order_date: 17_000, customer_id, region: null } };
  });
}

const partitionsOf = (topic: string): TopicPartition[] =>
  Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));

/** Resolves when nothing is left of a repartition topic that the group has processed; the end is that of its log. */
async function untilPurged(rig: PipelineRig, groupId: string, topic: string): Promise<readonly number[]> {
  const partitions = partitionsOf(topic);
  const [starts] = await until(
    async () => [
      await rig.kafka.listOffsets(partitions, 'earliest'),
      await rig.kafka.committedOffsets(groupId, partitions),
      await rig.kafka.listOffsets(partitions, 'last-stable'),
    ],
    ([start, committed, end]) =>
      partitions.every((_, i) => start?.[i] === committed?.[i] && start?.[i] === end?.[i]),
  );
  return (starts ?? []).map((start) => start ?? 0);
}

test('what is processed of a repartition topic is deleted, up to what is committed, also after a restart', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([topics.orders] as never, PARTITIONS);
  await rig.cut();
  const group = `${rig.prefix}-counting`;
  const repartition = `${group}-by-customer-repartition`;
  const settings = { repartitionPurgeIntervalMs: 20 };
  const total = async (): Promise<Map<string, bigint | null>> =>
    new Map((await rig.results(counts)).map(({ key, value }) => [key.customer_id, value]));

  const first = rig.start(counting, 'a', settings);
  await rig.publish(topics.orders, orders(0, 40));
  await until(total, (seen) => CUSTOMERS.every((customer) => seen.get(customer) === 10n));
  const purged = await untilPurged(rig, group, repartition);
  expect(Math.min(...purged)).toBeGreaterThan(0);
  await first.stop();

  const second = rig.start(counting, 'b', settings);
  await rig.publish(topics.orders, orders(40, 40));
  await until(total, (seen) => CUSTOMERS.every((customer) => seen.get(customer) === 20n));
  const again = await untilPurged(rig, group, repartition);
  for (const [i, start] of again.entries()) expect(start).toBeGreaterThan(purged[i] ?? 0);
  await second.stop();

  const seen = await rig.results(counts);
  for (const customer of CUSTOMERS)
    expect(seen.filter(({ key }) => key.customer_id === customer).map(({ value }) => value)).toEqual(
      Array.from({ length: 20 }, (_, i) => BigInt(i + 1)),
    );
});

test('without a purge a repartition topic keeps what was processed, in segments that give space back', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([topics.orders] as never, PARTITIONS);
  await rig.cut();
  const running = rig.start(counting);
  await rig.publish(topics.orders, orders(0, 8));
  await until(
    () => rig.results(counts),
    (seen) => seen.length === 8,
  );
  await running.stop();
  const repartition = `${rig.prefix}-counting-by-customer-repartition`;
  expect(await rig.kafka.listOffsets(partitionsOf(repartition), 'earliest')).toEqual([0, 0]);
  const configs = await rig.kafka.describeConfigs(repartition);
  const valueOf = (name: string): string | null | undefined => configs.get(name)?.value;
  expect(['cleanup.policy', 'retention.ms', 'segment.bytes'].map(valueOf)).toEqual([
    'delete',
    '-1',
    '52428800',
  ]);
});

test(
  'a process that slept while the others purged what it was about to read joins again',
  { timeout: 120_000 },
  async () => {
    await using rig = await PipelineRig.open();
    const sources = [topics.customers, topics.orderLines];
    await rig.createTopics(sources as never, PARTITIONS);
    await rig.publish(
      topics.customers,
      CUSTOMERS.map((customer_id) => ({
        key: { customer_id },
        value: { customer_id, name: `Name of ${customer_id}`, segment: null },
      })),
    );
    await rig.cut();
    const settings = ['--repartition-purge-interval-ms', '20'];
    const awake = rig.spawn('customer-revenue', 'a', settings);
    const zombie = rig.spawn('customer-revenue', 'b', settings);
    await until(
      () => [awake.tasks, zombie.tasks],
      (shares) => shares.every(({ length }) => length === PARTITIONS),
    );
    const lines = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => {
        const line_id = from + i;
        const customer_id = CUSTOMERS[line_id % CUSTOMERS.length] ?? null;
        const amounts = { quantity: 1, sales: decimal('1.0000'), profit: decimal('0.5000') };
        return { key: { line_id }, value: { line_id, order_id: null, customer_id, ...amounts } };
      });
    const counted = (count: number) =>
      until(
        () => rig.results(topics.customerRevenue),
        (seen) => seen.length >= count,
      );
    const group = `${rig.prefix}-customer-revenue`;
    await rig.publish(topics.orderLines, lines(0, 40));
    await counted(40);
    zombie.signal('SIGSTOP');
    await rig.publish(topics.orderLines, lines(40, 40));
    await counted(80);
    await untilPurged(rig, group, `${group}-lines-by-customer-repartition`);
    zombie.signal('SIGCONT');
    await until(
      () => zombie.tasks,
      ({ length }) => length === PARTITIONS,
    );
    await rig.publish(topics.orderLines, lines(80, 40));
    const seen = await counted(120);
    for (const customer of CUSTOMERS) {
      const steps = seen.filter(({ key }) => key.customer_id === customer).map(({ value }) => value?.lines);
      expect(steps).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    }
    expect(await zombie.terminate()).toBe(0);
  },
);
