import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import type { Topology } from '../../../processors/engine/topology.ts';
import { customerSessions } from '../../../processors/pipelines/customer-sessions.ts';
import { orderCustomer } from '../../../processors/pipelines/order-customer.ts';
import { orderShipping } from '../../../processors/pipelines/order-shipping.ts';
import { ordersDenorm } from '../../../processors/pipelines/orders-denorm.ts';
import { revenuePerHour } from '../../../processors/pipelines/revenue-per-hour.ts';
import { decimal } from '../../../schemas/decimal.ts';
import type { Topic } from '../../../schemas/topic.ts';
import { topics } from '../../../schemas/topics.ts';
import { PipelineRig, until } from '../engine/pipeline-rig.ts';

const MINUTE = 60_000;
/**
 * A full hour of this day, milliseconds. A commit marker has the broker's time: behind records that are a week older it
 * begins a new segment, and then the old one is compacted and the history of a table is gone.
 */
const START = Math.floor(Date.now() / (60 * MINUTE)) * 60 * MINUTE - 24 * 60 * MINUTE;
const DAY = 19_000;

interface Input {
  readonly topic: Topic<never, never>;
  readonly key: object;
  readonly value: object | null;
  readonly timestamp: number;
}

function input<K extends object, V extends object>(
  topic: Topic<K, V>,
  key: K,
  value: V | null,
  minute: number,
): Input {
  return { topic: topic as unknown as Input['topic'], key, value, timestamp: START + minute * MINUTE };
}

const customer = (id: string, segment: string, minute: number) =>
  input(topics.customers, { customer_id: id }, { customer_id: id, name: id, segment }, minute);
const order = (id: string, of: string, day: number, minute: number) =>
  input(
    topics.orders,
    { order_id: id },
    { order_id: id, order_date: DAY + day, customer_id: of, region: null },
    minute,
  );
const shipment = (id: string, day: number, minute: number) =>
  input(topics.shipments, { order_id: id }, { order_id: id, ship_date: DAY + day, ship_mode: 'Air' }, minute);
const sale = (line: number, to: string, minute: number) =>
  input(
    topics.sales,
    { line_id: line },
    { line_id: line, customer_id: to, quantity: 1, sales: decimal(`${line}.5`), __op: 'c' },
    minute,
  );

/** Two customers who change, eight orders, shipments of five of them, sales over four hours, and an order that comes late. */
const INPUTS: readonly Input[] = [
  customer('a', 'Consumer', 1),
  customer('b', 'Corporate', 1),
  customer('a', 'VIP', 90),
  ...Array.from({ length: 8 }, (_, i) => [
    order(`o${i}`, i % 2 === 0 ? 'a' : 'b', i * 3, 60 + i * 10),
    ...(i % 3 === 0 ? [] : [shipment(`o${i}`, i * 3 + 2, 65 + i * 10)]),
  ]).flat(),
  order('last', 'b', 40, 170),
  ...Array.from({ length: 12 }, (_, i) => sale(i, i % 3 === 0 ? 'a' : 'b', 60 + i * 17)),
  sale(99, 'a', 600),
  sale(100, 'b', 601),
]
  .toSorted((a, b) => a.timestamp - b.timestamp)
  .concat(order('late', 'a', 41, 80));

/** How far the customers were read before an order is not determined, so what is the newest then is none of the driver's. */
const isUndetermined = (field: string): boolean => field.endsWith('_now');

/** The last value of each key, as text. */
function table(results: readonly { readonly key: unknown; readonly value: unknown }[]): readonly string[] {
  const text = (value: unknown): string =>
    JSON.stringify(value, (field, part: unknown) => {
      if (isUndetermined(field)) return undefined;
      return typeof part === 'bigint' ? `${part}n` : part;
    });
  return [...new Map(results.map(({ key, value }) => [text(key), text(value)]))]
    .map(([key, value]) => `${key} ${value}`)
    .toSorted();
}

const CASES: readonly (readonly [Topology, Topic<never, never>, rows: number])[] = [
  [orderShipping(() => undefined), topics.orderShipping as never, 8],
  [orderCustomer, topics.orderCustomer as never, 10],
  [ordersDenorm, topics.ordersDenorm as never, 10],
  [revenuePerHour, topics.revenuePerHour as never, 8],
  [customerSessions, topics.customerSessions as never, 8],
];

test.each(CASES.map((each) => [each[0].name, ...each] as const))(
  '%s gives through Kafka what the test driver gives',
  async (_, pipeline, result, rows) => {
    const driver = testDriver(pipeline);
    const read = new Set(driver.inputs());
    const inputs = INPUTS.filter(({ topic }) => read.has(topic.name));
    for (const { topic, key, value, timestamp } of inputs)
      driver.pipe<unknown, unknown>(topic, key, value, { timestamp });
    const expected = table(driver.read(result));
    expect(expected).toHaveLength(rows);

    await using rig = await PipelineRig.open();
    const written = new Map(inputs.map(({ topic }) => [topic.name, topic]));
    // With one partition stream time is that of the driver: with more, each has its own, and other windows are open.
    await rig.createTopics([...written.values()], 1);
    for (const topic of written.values())
      await rig.publish<unknown, unknown>(
        topic,
        inputs.filter((each) => each.topic === topic),
      );
    await rig.cut();
    rig.start(pipeline);
    const seen = await until(
      async () => table(await rig.results(result)),
      (tables) => tables.length >= rows,
    );
    expect(seen).toEqual(expected);
  },
);
