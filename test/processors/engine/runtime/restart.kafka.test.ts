import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { customerRevenue } from '../../../../processors/pipelines/customer-revenue.ts';
import { decimal } from '../../../../schemas/decimal.ts';
import { topics } from '../../../../schemas/topics.ts';
import { PipelineRig, until } from '../pipeline-rig.ts';

const ON_DISK = ['--state', 'disk'];

const PARTITIONS = 2;
const CUSTOMERS = ['ann', 'bob', 'cid', 'dee', 'eve'];
const sources = [topics.customers, topics.orders, topics.orderLines, topics.shipments] as never;

function lines(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const line_id = from + i;
    const customer_id = CUSTOMERS[line_id % CUSTOMERS.length] ?? null;
    const amounts = { quantity: 1, sales: decimal('1.0000'), profit: decimal('0.5000') };
    return { key: { line_id }, value: { line_id, order_id: null, customer_id, ...amounts } };
  });
}

/** Lines of each customer as the results have them last. */
async function counted(rig: PipelineRig): Promise<Record<string, number>> {
  const seen = await rig.results(topics.customerRevenue);
  return Object.fromEntries(seen.map(({ key, value }) => [key.customer_id, value?.lines ?? 0]));
}

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((a, b) => a + b, 0);
const each = (count: number): Record<string, number> =>
  Object.fromEntries(CUSTOMERS.map((customer) => [customer, count / CUSTOMERS.length]));

/** Records of all changelogs. */
async function logged(rig: PipelineRig): Promise<number> {
  const { stores } = customerRevenue.plan;
  const all = stores.map(({ name }) => rig.records(`${rig.prefix}-customer-revenue-${name}-changelog`));
  return (await Promise.all(all)).flat().length;
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

const BATCH = 2_000;

test(
  'after each kill amid commits only the tails are read again, and every line counts once',
  { timeout: 120_000 },
  async () => {
    await using rig = await opened();
    const lives = 4;
    for (let life = 0; life < lives; life++) {
      const processor = rig.spawn('customer-revenue', 'a', [...ON_DISK, '--commit-interval-ms', '1']);
      await rig.publish(topics.orderLines, lines(life * BATCH, BATCH));
      await until(
        () => counted(rig),
        (counts) => sum(counts) > life * BATCH,
      );
      await processor.kill();
    }
    const before = await logged(rig);
    const last = rig.spawn('customer-revenue', 'a', ON_DISK);
    await rig.publish(topics.orderLines, lines(lives * BATCH, BATCH));
    const total = (lives + 1) * BATCH;
    const counts = await until(
      () => counted(rig),
      (seen) => sum(seen) >= total,
    );
    expect(counts).toEqual(each(total));
    expect(last.refusals).toEqual([]);
    expect(last.restores.filter(({ from }) => from === 'beginning')).toEqual([]);
    const replayed = last.restores.reduce((all, { records }) => all + records, 0);
    expect(before).toBeGreaterThan(BATCH);
    expect(replayed).toBeLessThan(before / 2);
    expect(await last.terminate()).toBe(0);
  },
);

test('state that is damaged on disk is told and built again', { timeout: 120_000 }, async () => {
  await using rig = await opened();
  const first = rig.spawn('customer-revenue', 'a', ON_DISK);
  await rig.publish(topics.orderLines, lines(0, BATCH));
  await until(
    () => counted(rig),
    (counts) => sum(counts) === BATCH,
  );
  await first.kill();
  const folder = join(rig.stateDir, `${rig.prefix}-customer-revenue`, 'a');
  for (const task of readdirSync(folder))
    for (const file of readdirSync(join(folder, task)).filter((name) => name.endsWith('.log'))) {
      const bytes = readFileSync(join(folder, task, file));
      bytes.fill(0x55, Math.floor(bytes.length / 3), Math.floor(bytes.length / 2));
      writeFileSync(join(folder, task, file), bytes);
    }

  const second = rig.spawn('customer-revenue', 'a', ON_DISK);
  await rig.publish(topics.orderLines, lines(BATCH, BATCH));
  const counts = await until(
    () => counted(rig),
    (seen) => sum(seen) >= 2 * BATCH,
  );
  expect(counts).toEqual(each(2 * BATCH));
  expect(second.refusals.join(' ')).toMatch(/corrupt|checksum/i);
  expect(second.restores.map(({ from }) => from)).toContain('beginning');
  expect(await second.terminate()).toBe(0);
});

test('a task that comes back reads what was done without it, and no more', { timeout: 120_000 }, async () => {
  await using rig = await opened();
  const first = rig.spawn('customer-revenue', 'a', ON_DISK);
  await rig.publish(topics.orderLines, lines(0, BATCH));
  await until(
    () => counted(rig),
    (counts) => sum(counts) === BATCH,
  );
  expect(await first.terminate()).toBe(0);
  const other = rig.spawn('customer-revenue', 'b', ON_DISK);
  await rig.publish(topics.orderLines, lines(BATCH, 50));
  await until(
    () => counted(rig),
    (counts) => sum(counts) === BATCH + 50,
  );
  expect(await other.terminate()).toBe(0);
  const again = rig.spawn('customer-revenue', 'a', ON_DISK);
  await rig.publish(topics.orderLines, lines(BATCH + 50, 50));
  const counts = await until(
    () => counted(rig),
    (seen) => sum(seen) >= BATCH + 100,
  );
  expect(counts).toEqual(each(BATCH + 100));
  expect(again.refusals).toEqual([]);
  const replayed = again.restores.reduce((total, { records }) => total + records, 0);
  // A record for each line in its own table, one for its customer in each commit at most.
  expect(replayed).toBeGreaterThan(0);
  expect(replayed).toBeLessThanOrEqual(100);
});

test(
  'a process that the group has gone on without comes back with what it had, and reads the rest',
  { timeout: 120_000 },
  async () => {
    await using rig = await opened();
    const sleeper = rig.spawn('customer-revenue', 'b', ON_DISK);
    await rig.publish(topics.orderLines, lines(0, BATCH));
    await until(
      () => counted(rig),
      (counts) => sum(counts) === BATCH,
    );
    const before = sleeper.restores.length;
    const assignments = sleeper.assignments;
    sleeper.signal('SIGSTOP');
    const other = rig.spawn('customer-revenue', 'a', ON_DISK);
    await rig.publish(topics.orderLines, lines(BATCH, 50));
    await until(
      () => counted(rig),
      (counts) => sum(counts) === BATCH + 50,
    );
    sleeper.signal('SIGCONT');
    await until(
      () => sleeper.assignments,
      (count) => count > assignments,
    );
    expect(await other.terminate()).toBe(0);
    await rig.publish(topics.orderLines, lines(BATCH + 50, 50));
    const counts = await until(
      () => counted(rig),
      (seen) => sum(seen) >= BATCH + 100,
    );
    expect(counts).toEqual(each(BATCH + 100));
    const { restores, refusals } = sleeper;
    expect(refusals).toEqual([]);
    expect(restores.slice(before).map(({ from }) => from)).not.toContain('beginning');
    expect(restores.slice(before).reduce((all, { records }) => all + records, 0)).toBeLessThanOrEqual(100);
  },
);
