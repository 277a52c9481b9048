import type { Dataset, Order, OrderLine, Shipment } from './dataset.ts';

/** One SQL statement with its parameters. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Statements of one source transaction. */
export type SourceTransaction = readonly Statement[];

export interface Workload {
  /** Committed before the source starts: the snapshot finds these rows. */
  readonly before: readonly SourceTransaction[];
  /** Committed live, in event-time order. */
  readonly live: readonly SourceTransaction[];
}

/** One in so many order lines is corrected (an update), and one in so many is returned (a delete). */
const CORRECTED_EVERY = 23;
const RETURNED_EVERY = 41;

/** Rows per statement when tables are filled in bulk. */
const BULK_ROWS = 500;

/**
 * Plans the data set as transactions in event-time order: a transaction per order with its lines, one per day for its
 * shipments, and corrections and returns of earlier lines among them. The first `beforeShare` of the days, and all
 * customers and products, come before the source starts.
 */
export function planWorkload(data: Dataset, beforeShare: number): Workload {
  const days = eventDays(data);
  const cut = Math.floor(days.length * beforeShare);
  const fixed = [
    ...bulk(data.customers, (rows) =>
      insert('customers', ['customer_id', 'name', 'segment'], rows, (c) => [c.customerId, c.name, c.segment]),
    ),
    ...bulk(data.products, (rows) =>
      insert('products', ['product_id', 'name', 'category'], rows, (p) => [p.productId, p.name, p.category]),
    ),
  ];
  return {
    before: [...fixed, ...days.slice(0, cut).flatMap((day) => transactionsOf(day))],
    live: days.slice(cut).flatMap((day) => transactionsOf(day)),
  };
}

interface EventDay {
  readonly orders: Order[];
  readonly shipments: Shipment[];
}

function eventDays(data: Dataset): readonly EventDay[] {
  const days = new Map<string, EventDay>();
  const dayOf = (date: string): EventDay => {
    const known = days.get(date);
    if (known !== undefined) return known;
    const day = { orders: [], shipments: [] };
    days.set(date, day);
    return day;
  };
  for (const order of data.orders) dayOf(order.orderDate).orders.push(order);
  for (const shipment of data.shipments) dayOf(shipment.shipDate).shipments.push(shipment);
  return [...days].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, day]) => day);
}

function transactionsOf(day: EventDay): readonly SourceTransaction[] {
  const orders = day.orders.map((order) => [orderInsert(order), linesInsert(order.lines)]);
  const corrections = day.orders.flatMap((order) => order.lines).flatMap((line) => correction(line));
  const shipped = bulk(day.shipments, (rows) =>
    insert('shipments', ['order_id', 'ship_date', 'ship_mode'], rows, (s) => [
      s.orderId,
      s.shipDate,
      s.shipMode,
    ]),
  );
  return [...orders, ...corrections, ...shipped];
}

function orderInsert(order: Order): Statement {
  return insert('orders', ['order_id', 'order_date', 'customer_id', 'region'], [order], (o) => [
    o.orderId,
    o.orderDate,
    o.customerId,
    o.region,
  ]);
}

function linesInsert(lines: readonly OrderLine[]): Statement {
  const columns = [
    'line_id',
    'order_id',
    'customer_id',
    'product_id',
    'quantity',
    'sales',
    'discount',
    'profit',
  ];
  return insert('order_lines', columns, lines, (l) => [
    l.lineId,
    l.orderId,
    l.customerId,
    l.productId,
    l.quantity,
    l.sales,
    l.discount,
    l.profit,
  ]);
}

function correction(line: OrderLine): readonly SourceTransaction[] {
  if (line.lineId % RETURNED_EVERY === 0)
    return [[{ text: 'DELETE FROM order_lines WHERE line_id = $1', values: [line.lineId] }]];
  if (line.lineId % CORRECTED_EVERY !== 0) return [];
  const text =
    'UPDATE order_lines SET quantity = quantity + 1, sales = round(sales * 1.1, 4) WHERE line_id = $1';
  return [[{ text, values: [line.lineId] }]];
}

function bulk<T>(
  rows: readonly T[],
  statement: (rows: readonly T[]) => Statement,
): readonly SourceTransaction[] {
  const transactions: SourceTransaction[] = [];
  for (let i = 0; i < rows.length; i += BULK_ROWS)
    transactions.push([statement(rows.slice(i, i + BULK_ROWS))]);
  return transactions;
}

function insert<T>(
  table: string,
  columns: readonly string[],
  rows: readonly T[],
  valuesOf: (row: T) => readonly unknown[],
): Statement {
  const values = rows.flatMap((row) => valuesOf(row));
  const tuples = rows.map(
    (_, row) => `(${columns.map((__, i) => `$${row * columns.length + i + 1}`).join(', ')})`,
  );
  return { text: `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${tuples.join(', ')}`, values };
}
