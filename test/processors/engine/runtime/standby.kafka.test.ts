import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../../infra/process/clock.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { METRIC } from '../../../../infra/process/metrics.ts';
import { subTopologies } from '../../../../processors/engine/plan/sub-topology.ts';
import { DiskHome } from '../../../../processors/engine/state/disk-home.ts';
import type { Topology } from '../../../../processors/engine/topology.ts';
import { customerRevenue } from '../../../../processors/pipelines/customer-revenue.ts';
import { decimal } from '../../../../schemas/decimal.ts';
import { topics } from '../../../../schemas/topics.ts';
import { PipelineRig, type RunningPipeline, until } from '../pipeline-rig.ts';

const PARTITIONS = 2;
const TASKS = 2 * PARTITIONS;
const CUSTOMERS = ['ann', 'bob', 'cid', 'dee', 'eve'];
const BATCH = 500;
const sources = [topics.customers, topics.orders, topics.orderLines, topics.shipments] as never;

function lines(from: number) {
  return Array.from({ length: BATCH }, (_, i) => {
    const line_id = from + i;
    const customer_id = CUSTOMERS[line_id % CUSTOMERS.length] ?? null;
    const amounts = { quantity: 1, sales: decimal('1.0000'), profit: decimal('0.5000') };
    return { key: { line_id }, value: { line_id, order_id: null, customer_id, ...amounts } };
  });
}

async function opened(): Promise<PipelineRig> {
  const rig = await PipelineRig.open();
  await rig.createTopics(sources, PARTITIONS);
  await rig.publish(
    topics.customers,
    CUSTOMERS.map((customer_id) => ({
      key: { customer_id },
      value: { customer_id, name: `Name of ${customer_id}`, segment: null },
    })),
  );
  await rig.cut();
  return rig;
}

/** Resolves when all lines are counted. Fails when one has counted twice. */
async function counted(rig: PipelineRig, count: number): Promise<void> {
  const look = async (): Promise<Record<string, number>> => {
    const seen = await rig.results(topics.customerRevenue);
    return Object.fromEntries(seen.map(({ key, value }) => [key.customer_id, value?.lines ?? 0]));
  };
  const seen = await until(look, (all) => Object.values(all).reduce((a, b) => a + b, 0) >= count);
  expect(seen).toEqual(Object.fromEntries(CUSTOMERS.map((customer) => [customer, count / CUSTOMERS.length])));
}

/** Of a process, by task. */
async function measured({ metrics }: RunningPipeline, name: string): Promise<Record<string, number>> {
  const found = (await metrics.text()).matchAll(new RegExp(`^${name}{.*task="(.+)"} (\\d+)`, 'gm'));
  return Object.fromEntries([...found].map(([, task, value]) => [task ?? '', Number(value)]));
}

/** How many records the changelogs of each task hold. */
async function logged(rig: PipelineRig, { name, plan }: Topology): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { id, stores } of subTopologies(plan))
    for (const store of stores.filter(({ changelog }) => changelog))
      for (const { partition } of await rig.records(`${rig.prefix}-${name}-${store.name}-changelog`)) {
        const task = `${id}_${partition}`;
        counts[task] = (counts[task] ?? 0) + 1;
      }
  return counts;
}

/** Resolves when a process has, as standbys, all that was added to the changelogs of some tasks. */
async function followed(
  rig: PipelineRig,
  running: RunningPipeline,
  tasks: readonly string[],
  before: Record<string, number>,
): Promise<void> {
  const all = await logged(rig, customerRevenue);
  await until(
    () => measured(running, METRIC.standbyRecords),
    (seen) => tasks.every((task) => seen[task] === (all[task] ?? 0) - (before[task] ?? 0)),
  );
}

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((a, b) => a + b, 0);

test(
  'the owner of tasks is killed, and who has followed their changelogs takes over with nothing to restore',
  { timeout: 120_000 },
  async () => {
    await using rig = await opened();
    const disk = { cleanupDelayMs: 60_000, clock: systemClock, log: silentLog };
    const survivor = rig.start(customerRevenue, 'a', {
      numStandbyReplicas: 1,
      openHome: () => new DiskHome({ ...disk, path: join(rig.stateDir, 'survivor') }),
    });
    const before = await until(
      () => logged(rig, customerRevenue),
      (counts) => sum(counts) === CUSTOMERS.length,
    );
    const victim = rig.spawn('customer-revenue', 'b', ['--state', 'disk', '--num-standby-replicas', '1']);
    await until(
      () => victim.tasks,
      ({ length }) => length === TASKS / 2,
    );
    await rig.publish(topics.orderLines, lines(0));
    await counted(rig, BATCH);
    await followed(rig, survivor, victim.tasks, before);
    const lag = await measured(survivor, METRIC.standbyLag);
    expect(Object.keys(lag).toSorted()).toEqual(victim.tasks.toSorted());
    await victim.kill();
    await rig.publish(topics.orderLines, lines(BATCH));
    await counted(rig, 2 * BATCH);
    expect(sum(await measured(survivor, METRIC.recordsRestored))).toBe(0);
    expect(await measured(survivor, METRIC.standbyLag)).toEqual({});
  },
);

test('a task that moves away and comes back is not read again: its stores have followed meanwhile', async () => {
  await using rig = await opened();
  const settings = { numStandbyReplicas: 1 };
  const first = rig.start(customerRevenue, 'a', settings);
  await rig.publish(topics.orderLines, lines(0));
  await counted(rig, BATCH);
  const before = await logged(rig, customerRevenue);
  const second = rig.start(customerRevenue, 'b', settings);
  const moved = async () => Object.keys(await measured(first, METRIC.standbyLag));
  const tasks = await until(moved, ({ length }) => length === TASKS / 2);
  await until(
    () => second.state,
    (state) => state === null,
  );
  expect(sum(await measured(second, METRIC.recordsRestored))).toBe(
    tasks.reduce((count, task) => count + (before[task] ?? 0), 0),
  );

  await rig.publish(topics.orderLines, lines(BATCH));
  await counted(rig, 2 * BATCH);
  await followed(rig, first, tasks, before);
  await second.stop();
  await rig.publish(topics.orderLines, lines(2 * BATCH));
  await counted(rig, 3 * BATCH);
  expect(sum(await measured(first, METRIC.recordsRestored))).toBe(0);
});
