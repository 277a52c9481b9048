-- Run once, in database shop, when Postgres starts on an empty volume. The tables are those of
-- infra/local/demo/source-tables.ts; a test keeps the two alike.
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

INSERT INTO customers VALUES
  ('C-1', 'Ada Marsh', 'Consumer'),
  ('C-2', 'Otto Weir', 'Corporate');
INSERT INTO products VALUES
  ('P-1', 'Desk lamp', 'Furniture'),
  ('P-2', 'Stapler', 'Office Supplies');
INSERT INTO orders VALUES
  ('O-1', '2026-03-02', 'C-1', 'West'),
  ('O-2', '2026-03-03', 'C-2', 'East'),
  ('O-3', '2026-03-04', 'C-1', 'West');
INSERT INTO order_lines VALUES
  (1, 'O-1', 'C-1', 'P-1', 1, 40.0000, 0.00, 12.5000),
  (2, 'O-1', 'C-1', 'P-2', 2, 9.9800, 0.10, 3.0000),
  (3, 'O-2', 'C-2', 'P-2', 5, 24.9500, 0.00, 8.2500),
  (4, 'O-3', 'C-1', 'P-1', 1, 40.0000, 0.20, 4.5000);
-- O-3 is shipped too late for the seven days of the join.
INSERT INTO shipments VALUES
  ('O-1', '2026-03-04', 'Second Class'),
  ('O-2', '2026-03-03', 'Same Day'),
  ('O-3', '2026-03-20', 'Standard Class');

CREATE DATABASE analytics;
