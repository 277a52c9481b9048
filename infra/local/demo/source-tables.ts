import { readFileSync } from 'node:fs';

/** The demo's source tables. */
export const SOURCE_TABLES = ['customers', 'products', 'orders', 'order_lines', 'shipments'] as const;

export const SOURCE_TABLES_SQL = readFileSync(new URL('source-tables.sql', import.meta.url), 'utf8');
