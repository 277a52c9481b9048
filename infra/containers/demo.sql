-- Run once, in database shop, after the tables are made, when Postgres starts on an empty volume.
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
