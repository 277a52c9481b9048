import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type ApplicationNames,
  applicationNames,
} from '../../../../processors/engine/runtime/application-names.ts';
import { topics } from '../../../../schemas/topics.ts';
import {
  type Join,
  OrderTables,
  type TableChange,
  denormalised,
  namedOrders,
  ordersByName,
  tableChanges,
} from '../orders-with-customers.ts';
import { PipelineRig, until } from '../pipeline-rig.ts';

const ORDER_PARTITIONS = 4;
const CUSTOMER_PARTITIONS = 3;
const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

const orderOf = (change: TableChange) =>
  'order' in change ? [{ key: { order_id: change.order }, value: change.row }] : [];
const customerOf = (change: TableChange) =>
  'customer' in change ? [{ key: { customer_id: change.customer }, value: change.row }] : [];

/** Writes changes in their order, those of one table that follow each other in one transaction. */
async function publish(rig: PipelineRig, changes: readonly TableChange[]): Promise<void> {
  for (let from = 0, to = 1; to <= changes.length; to++) {
    const [first, next] = [changes[from], changes[to]];
    if (first !== undefined && next !== undefined && 'order' in first === 'order' in next) continue;
    const run = changes.slice(from, to);
    const orders = run.flatMap(orderOf);
    if (orders.length > 0) await rig.publish(topics.orders, orders);
    else await rig.publish(topics.customers, run.flatMap(customerOf));
    from = to;
  }
}

/** Waits until the pipeline has committed all that its topics hold, the internal ones too. */
async function untilConsumed(rig: PipelineRig, names: ApplicationNames): Promise<void> {
  const internal = ['with-customer-subscription', 'with-customer-response', 'by-name'];
  const read = [
    ...[topics.orders, topics.customers].map(({ name }) => names.catalogue(name)),
    ...internal.map((name) => names.repartition(name)),
  ];
  const left = async (): Promise<number> => {
    const counts = await Promise.all(read.map((topic) => rig.kafka.partitionCount(topic).catch(() => 0)));
    if (counts.includes(0)) return Number.POSITIVE_INFINITY;
    const partitions = read.flatMap((topic, i) =>
      Array.from({ length: counts[i] ?? 0 }, (_, partition) => ({ topic, partition })),
    );
    const committed = await rig.kafka.committedOffsets(names.applicationId, partitions);
    const ends = await rig.kafka.listOffsets(partitions, 'high-watermark');
    return ends.reduce((sum, end, i) => sum + end - (committed[i] ?? 0), 0);
  };
  await until(left, (records) => records === 0);
}

/** The rows that a result topic leaves behind. */
async function rows<K, V>(
  rig: PipelineRig,
  topic: Parameters<typeof rig.results<K, V>>[0],
  name: (key: K) => string,
) {
  const latest = new Map<string, V>();
  for (const { key, value } of await rig.results(topic))
    if (value === null) latest.delete(name(key));
    else latest.set(name(key), value);
  return latest;
}

test.each<Join>(['inner', 'left'])(
  'tables of unlike partitions, and processes that come and go: the %s join equals a batch job',
  { timeout: 120_000 },
  async (join) => {
    await using rig = await PipelineRig.open();
    await rig.createTopics([topics.orders] as never, ORDER_PARTITIONS);
    await rig.createTopics([topics.customers] as never, CUSTOMER_PARTITIONS);
    await rig.cut();
    const pipeline = denormalised(join);
    const tables = new OrderTables();
    const customers = numbered('customer', 6);
    const some = tableChanges(numbered('order', 20), customers);
    const changes = fc.sample(some, { seed: 16, numRuns: 12 }).flat();
    const part = Math.ceil(changes.length / 3);
    const names = applicationNames(rig.prefix, pipeline.name);
    const settled = async (now: readonly TableChange[]): Promise<void> => {
      for (const change of now) tables.apply(change);
      await publish(rig, now);
      await untilConsumed(rig, names);
      // The offsets of a transaction may be seen before its markers are in the topics.
      const named = () => rows(rig, namedOrders, ({ order_id }) => order_id);
      await expect.poll(named, { timeout: 20_000 }).toEqual(tables.joined(join));
      const byName = () => rows(rig, ordersByName, (name) => name);
      await expect.poll(byName, { timeout: 20_000 }).toEqual(tables.byName(join));
    };

    const first = rig.start(pipeline, 'a');
    await settled(changes.slice(0, part));
    const second = rig.start(pipeline, 'b');
    await settled(changes.slice(part, 2 * part));
    await first.stop();
    await settled(changes.slice(2 * part));
    await second.stop();
    // What comes of this is known only from what the two have left behind.
    rig.start(pipeline, 'a');
    await settled(
      customers.map((customer) => ({ customer, row: { customer_id: customer, name: 'Cid', segment: null } })),
    );
    const partitions = (step: string): Promise<number> =>
      rig.kafka.partitionCount(names.repartition(`with-customer-${step}`));
    expect(await partitions('subscription')).toBe(CUSTOMER_PARTITIONS);
    expect(await partitions('response')).toBe(ORDER_PARTITIONS);
  },
);
