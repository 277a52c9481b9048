import { expect, test } from 'vitest';
import { METRIC } from '../../../../infra/process/metrics.ts';
import { planHash } from '../../../../processors/engine/plan/plan-hash.ts';
import { keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import { tableTopic, topicName } from '../../../../schemas/topic.ts';
import { topics } from '../../../../schemas/topics.ts';
import { PipelineRig, type RunningPipeline, until } from '../pipeline-rig.ts';

const long: Schema<bigint> = { avro: 'long' };
const counts = tableTopic('counts', keyOf(topics.orders), long, 2);
const counting = topology('counting', (builder) => {
  const one = { initial: () => 0n, add: (sum: bigint) => sum + 1n };
  builder.stream(topics.orders).aggregate('count', long, one).to(counts);
});
const ORDERS = 20;
const orders = Array.from({ length: ORDERS }, (_, i) => ({
  key: { order_id: `o${i}` },
  value: { order_id: `o${i}`, order_date: 1, customer_id: null, region: null },
}));

async function restored({ metrics }: RunningPipeline): Promise<number> {
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith(METRIC.recordsRestored));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

test('a rebalance does not wait for a restore, and what was restored by then is not read again', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([topics.orders] as never, 2);
  await rig.cut();
  const first = rig.start(counting);
  await rig.publish(topics.orders, orders);
  await until(
    () => rig.results(counts),
    (seen) => seen.length === ORDERS,
  );
  await first.stop();

  // A restore reads to the end of the log: behind an open transaction there is no getting there.
  const topic = `${rig.prefix}-counting-${counting.plan.stores[0]?.name}-changelog`;
  const transactionTimeoutMs = 120_000;
  await using blocker = await rig.kafka.openProducer(`${rig.prefix}-blocker`, { transactionTimeoutMs });
  blocker.begin();
  await blocker.send([{ topic, partition: 0, timestamp: 0, key: Buffer.from('x'), value: null }]);

  const second = rig.start(counting);
  await until(
    () => restored(second),
    (count) => count === ORDERS,
  );
  const nothing = (): Promise<void> => Promise.resolve();
  const groupId = `${rig.prefix}-counting`;
  const other = await rig.kafka.joinGroup({
    groupId,
    topics: [[topicName(rig.prefix, topics.orders)]],
    strategy: 'co-partitioned',
    planHash: planHash(counting.plan),
    listener: { onAssigned: nothing, onRevoked: nothing, onLost: nothing },
  });
  await other.checkpoint();
  expect(second.state).toBe('restoring state');
  await other[Symbol.asyncDispose]();
  const shares = async () => (await rig.kafka.describeGroups([groupId]))[0]?.members ?? [];
  await until(shares, ([alone]) => [...(alone?.assignment.values() ?? [])].flat().length === 2);
  await blocker.abort();

  await rig.publish(topics.orders, orders);
  const seen = await until(
    () => rig.results(counts),
    (all) => all.length >= 2 * ORDERS,
  );
  const newest = seen.filter(({ value }) => value === 2n).map(({ key }) => key.order_id);
  expect(new Set(newest).size).toBe(ORDERS);
  expect(seen).toHaveLength(2 * ORDERS);
  expect(await restored(second)).toBe(ORDERS);
});
