import { Client } from 'pg';
import type { BenchDatabase } from '../source/bench-database.ts';
import { type ChangedRows, VALUE_COLUMNS } from './changed-rows.ts';
import type { PartRun } from './part.ts';
import { postgresCpuSeconds } from './postgres-cost.ts';

/** The server by itself: rows out of an unlogged table, a transaction for each batch, over one or more sessions. */
export async function ceilingRun(
  database: BenchDatabase,
  { rows }: ChangedRows,
  batchRows: number,
  sessions: number,
): Promise<PartRun> {
  const clients = await Promise.all(Array.from({ length: sessions }, () => connect(database.url)));
  try {
    const cost = await postgresCpuSeconds(database);
    const [startedAt, before] = [performance.now(), cost()];
    const share = Math.ceil(rows / sessions);
    await Promise.all(
      clients.map((client, i) =>
        client.query(upsertSql(1 + i * share, Math.min(rows, (i + 1) * share), batchRows)),
      ),
    );
    return {
      rowsPerSecond: rows / ((performance.now() - startedAt) / 1e3),
      cpuMicrosPerRow: null,
      postgresMicrosPerRow: ((cost() - before) / rows) * 1e6,
      peakMib: null,
      rssMib: null,
    };
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  // as the sink's own sessions
  await client.query('SET synchronous_commit = off');
  return client;
}

function upsertSql(first: number, last: number, batchRows: number): string {
  const columns = ['id', ...VALUE_COLUMNS].join(', ');
  const set = VALUE_COLUMNS.map((column) => `${column} = excluded.${column}`).join(', ');
  return `DO $$ BEGIN
    FOR b IN 0..${Math.ceil((last - first + 1) / batchRows) - 1} LOOP
      INSERT INTO orders (${columns}) SELECT ${columns} FROM changes
        WHERE n >= ${first} + b * ${batchRows} AND n < ${first} + (b + 1) * ${batchRows} AND n <= ${last}
        ON CONFLICT (id) DO UPDATE SET ${set};
      COMMIT;
    END LOOP;
  END $$`;
}
