import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { writePlan } from '../../../../processors/engine/runtime/plan-topic.ts';
import { type TopologyBuilder, topology } from '../../../../processors/engine/topology.ts';
import { customerRevenue } from '../../../../processors/pipelines/customer-revenue.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import type { Topic } from '../../../../schemas/topic.ts';
import { topics } from '../../../../schemas/topics.ts';
import { PipelineRig, type RunningPipeline, until } from '../pipeline-rig.ts';

const text = { kind: 'table', key: 'string', partitions: 2 } as const;
const lines: Topic<string, number> = { ...text, name: 'lines', value: 'int' };
const sums: Topic<string, number> = { ...text, name: 'sums', value: 'int' };
const wideSums: Topic<string, bigint> = { ...text, name: 'wide-sums', value: 'long' };
const int: Schema<number> = { avro: 'int' };
const long: Schema<bigint> = { avro: 'long' };
const add = { initial: () => 0, add: (sum: number, line: number) => sum + line };

const named = (define: (builder: TopologyBuilder) => void) => topology('summing', define);
const summing = named((b) => b.stream(lines).aggregate('sum', int, add).to(sums));
const positive = named((b) =>
  b
    .stream(lines)
    .filter((line) => line > 0)
    .aggregate('sum', int, add)
    .to(sums),
);
const widened = named((b) =>
  b
    .stream(lines)
    .aggregate('sum', long, { initial: () => 0n, add: (sum, line) => sum + BigInt(line) })
    .to(wideSums),
);
const counting = named((b) => {
  const all = b.stream(lines);
  all.aggregate('sum', int, add).to(sums);
  all.count('count');
});
const forwarding = named((b) => b.stream(lines).to(sums));

async function openRig(): Promise<PipelineRig> {
  const rig = await PipelineRig.open();
  await rig.createTopics([lines] as never, 2);
  await rig.cut();
  return rig;
}

const newest = async (rig: PipelineRig): Promise<number | null | undefined> =>
  (await rig.results(sums)).findLast(({ key }) => key === 'a')?.value;

const runs = (running: RunningPipeline): Promise<string | null> =>
  until(
    () => running.state,
    (state) => state === null,
  );

/** Runs the first version until it has state, and stops it. */
async function leaveState(rig: PipelineRig): Promise<void> {
  await rig.publish(lines, [{ key: 'a', value: 1 }]);
  const running = rig.start(summing);
  await until(
    () => newest(rig),
    (sum) => sum === 1,
  );
  await running.stop();
}

test('state of another schema is refused after a full stop, with what differs and the way out', async () => {
  await using rig = await openRig();
  await leaveState(rig);
  await expect(rig.start(widened).ended).rejects.toMatchObject({
    code: 'engine.plan_incompatible',
    order: 'stop',
    message: expect.stringContaining('store sum holds other bytes: value was "int" and is "long"') as string,
    fix: expect.stringContaining(`delete its group ${rig.prefix}-summing`) as string,
  });
  // Nothing was created, and the version before goes on.
  await expect(rig.kafka.partitionCount(`${rig.prefix}.wide-sums`)).rejects.toMatchObject({
    code: 'kafka.topic_missing',
  });
  rig.start(summing);
  await rig.publish(lines, [{ key: 'a', value: 10 }]);
  await until(
    () => newest(rig),
    (sum) => sum === 11,
  );
});

test('with another step that keeps no state it goes on from the state, and the plan that is kept is the new one', async () => {
  await using rig = await openRig();
  await leaveState(rig);
  rig.start(positive);
  await rig.publish(lines, [
    { key: 'a', value: -5 },
    { key: 'a', value: 2 },
  ]);
  await until(
    () => newest(rig),
    (sum) => sum === 3,
  );
  const plans = await rig.records(`${rig.prefix}-summing-plan`);
  expect(plans.map(({ value }) => String(value).includes('"filter"'))).toEqual([false, true]);
});

test('versions that differ in steps without state share the work', async () => {
  await using rig = await openRig();
  const first = rig.start(summing, 'a');
  await runs(first);
  const second = rig.start(positive, 'b');
  await runs(second);
  await first.stop();
  await rig.publish(lines, [{ key: 'a', value: 4 }]);
  await until(
    () => newest(rig),
    (sum) => sum === 4,
  );
});

test('a version that the group keeps out leaves the plan of those who run', async () => {
  await using rig = await openRig();
  await leaveState(rig);
  const running = rig.start(summing, 'a');
  await runs(running);
  await expect(rig.start(counting, 'b').ended).rejects.toMatchObject({ code: 'kafka.plan_mismatch' });
  expect(await rig.records(`${rig.prefix}-summing-plan`)).toHaveLength(1);
  await running.stop();
  const upgraded = rig.start(counting, 'b');
  await runs(upgraded);
  expect(await rig.records(`${rig.prefix}-summing-plan`)).toHaveLength(2);
});

test('state that a version in between has left behind is refused', async () => {
  await using rig = await openRig();
  await leaveState(rig);
  const between = rig.start(forwarding);
  await runs(between);
  await rig.publish(lines, [{ key: 'a', value: 7 }]);
  await until(
    () => newest(rig),
    (value) => value === 7,
  );
  await between.stop();
  await expect(rig.start(summing).ended).rejects.toMatchObject({
    code: 'engine.stale_state',
    message: expect.stringContaining(
      `${rig.prefix}-summing-sum-changelog has records of an earlier plan`,
    ) as string,
  });
});

test('state whose group has no offsets any more is not read from the beginning: the pipeline stops', async () => {
  await using rig = await openRig();
  await leaveState(rig);
  // As when they have expired.
  expect(await rig.kafka.deleteGroup(`${rig.prefix}-summing`)).toBe(true);
  await expect(rig.start(summing).ended).rejects.toMatchObject({
    code: 'engine.offsets_lost',
    order: 'stop',
    message: expect.stringContaining(`group ${rig.prefix}-summing has no committed offsets`) as string,
  });
});

test('an application that keeps no state has no plan topic', async () => {
  await using rig = await openRig();
  await runs(rig.start(forwarding));
  await expect(rig.kafka.partitionCount(`${rig.prefix}-summing-plan`)).rejects.toMatchObject({
    code: 'kafka.topic_missing',
  });
});

test('plan diff compares with the plan that is kept: 0 compatible, 2 not, 1 for nothing to compare with', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([topics.orderLines, topics.customers] as never, 2);
  await rig.cut();
  const diff = () => {
    const brokers = ['--kafka-bootstrap-servers', inject('kafkaBrokers')];
    const args = ['processors/plan.ts', 'diff', customerRevenue.name, '--topic-prefix', rig.prefix];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...args, ...brokers], {
      cwd: join(import.meta.dirname, '../../../..'),
      encoding: 'utf8',
    });
    return { status, text: `${stdout}${stderr}` };
  };
  expect(diff()).toMatchObject({ status: 1, text: expect.stringContaining('no plan is kept') as string });
  const running = rig.start(customerRevenue);
  await runs(running);
  expect(diff()).toMatchObject({ status: 0, text: expect.stringContaining('plans are equal') as string });
  await running.stop();
  const { plan } = customerRevenue;
  const stores = plan.stores.map((store) =>
    store.name === 'revenue' ? { ...store, value: 'int' as const } : store,
  );
  const other = { format: 1, plan: { ...plan, stores }, repartitions: { 'lines-by-customer': 2 } } as const;
  await writePlan(rig.kafka, `${rig.prefix}-customer-revenue-plan`, other, Date.now());
  expect(diff()).toMatchObject({
    status: 2,
    text: expect.stringContaining('store revenue holds other bytes') as string,
  });
});
