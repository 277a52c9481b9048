/** The retail data of the demo, as rows of its five tables. Dates are ISO text, amounts are decimal text: both exact. */
export interface Customer {
  readonly customerId: string;
  readonly name: string;
  readonly segment: string;
}

export interface Product {
  readonly productId: string;
  readonly name: string;
  readonly category: string;
}

export interface OrderLine {
  readonly lineId: number;
  readonly orderId: string;
  readonly customerId: string;
  readonly productId: string;
  readonly quantity: number;
  readonly sales: string;
  readonly discount: string;
  readonly profit: string;
}

export interface Order {
  readonly orderId: string;
  readonly orderDate: string;
  readonly customerId: string;
  readonly region: string;
  readonly lines: readonly OrderLine[];
}

export interface Shipment {
  readonly orderId: string;
  readonly shipDate: string;
  readonly shipMode: string;
}

export interface Dataset {
  /** Where it came from, for the person who watches. */
  readonly origin: string;
  readonly customers: readonly Customer[];
  readonly products: readonly Product[];
  readonly orders: readonly Order[];
  readonly shipments: readonly Shipment[];
}
