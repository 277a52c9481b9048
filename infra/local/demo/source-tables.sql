-- The tables of the shop: names as a shop would have them, keys are the replica identity.
CREATE TABLE customers (
  customer_id text PRIMARY KEY,
  name        text NOT NULL,
  segment     text NOT NULL
);
CREATE TABLE products (
  product_id text PRIMARY KEY,
  name       text NOT NULL,
  category   text NOT NULL
);
CREATE TABLE orders (
  order_id    text PRIMARY KEY,
  order_date  date NOT NULL,
  customer_id text NOT NULL REFERENCES customers,
  region      text NOT NULL
);
CREATE TABLE order_lines (
  line_id     integer PRIMARY KEY,
  order_id    text NOT NULL REFERENCES orders,
  customer_id text NOT NULL REFERENCES customers,
  product_id  text NOT NULL REFERENCES products,
  quantity    integer NOT NULL,
  sales       numeric(12,4) NOT NULL,
  discount    numeric(4,2) NOT NULL,
  profit      numeric(12,4) NOT NULL
);
CREATE TABLE shipments (
  order_id  text PRIMARY KEY REFERENCES orders,
  ship_date date NOT NULL,
  ship_mode text NOT NULL
);
