import { topology } from '../../../processors/engine/topology.ts';
import type { Topic } from '../../../schemas/topic.ts';

const table = { kind: 'table', key: 'long', value: 'string', partitions: 1 } as const;

/** What the processor reads: as many rows as the bench has keys. */
export const rows: Topic<bigint, string> = { ...table, name: 'rows' };
export const copies: Topic<bigint, string> = { ...table, name: 'copies' };

/** The least that has state: each row is kept, and told. One task has all of it. */
export const tableCopy = topology('table-copy', (builder) => builder.table(rows).to(copies));
