import type { Client } from 'pg';
import { must } from '../../../infra/process/assert.ts';
import type { Findings } from '../findings.ts';
import { BANK_TABLES, BANK_TABLE_NAMES } from './bank.ts';
import { MIRRORS, type Mirror } from './mirror.ts';
import { inOneSnapshot, sourceLsn, waitForAll } from './waited-read.ts';

const EXAMPLES = 3;

/** While nobody writes: each table of each mirror must be its table. @returns how many were compared */
export async function compareQuietTables(
  source: Client,
  target: Client,
  findings: Findings,
): Promise<number> {
  const lsn = await sourceLsn(source);
  let compared = 0;
  for (const mirror of MIRRORS) {
    const late = await waitForAll(target, mirror, lsn);
    if (late !== null) findings.note('late', `${late} has not come to ${lsn} at a quiet point`);
    await inOneSnapshot(target, async () => {
      for (const table of BANK_TABLE_NAMES) {
        compared++;
        const difference = await differenceOf(source, target, mirror, table);
        if (difference !== null)
          findings.note('wrong', `${mirror.name}.${table} at a quiet point: ${difference}`);
      }
      const wrong = await unbalancedAccounts(target, mirror);
      compared++;
      if (wrong > 0)
        findings.note('wrong', `${wrong} accounts of ${mirror.name} are not their history at a quiet point`);
    });
  }
  return compared;
}

async function differenceOf(
  source: Client,
  target: Client,
  { name }: Mirror,
  table: keyof typeof BANK_TABLES,
): Promise<string | null> {
  const columns = BANK_TABLES[table].join(', ');
  const hash = async (client: Client, from: string): Promise<string> => {
    const { rows } = await client.query<{ hash: string }>(
      `SELECT count(*) || ' rows, hash ' || coalesce(sum(hashtextextended(ROW(${columns})::text, 0)), 0) AS hash FROM ${from}`,
    );
    return must(rows[0], 'one row').hash;
  };
  const [ours, theirs] = [await hash(source, table), await hash(target, `${name}.${table}`)];
  if (ours === theirs) return null;
  const texts = async (client: Client, from: string): Promise<Set<string>> => {
    const { rows } = await client.query<{ text: string }>(
      `SELECT ROW(${columns})::text AS text FROM ${from}`,
    );
    return new Set(rows.map(({ text }) => text));
  };
  const [here, there] = [await texts(source, table), await texts(target, `${name}.${table}`)];
  const lost = [...here].filter((text) => !there.has(text));
  const extra = [...there].filter((text) => !here.has(text));
  const some = (rows: readonly string[]): string =>
    `${rows.length}${rows.length === 0 ? '' : ` (${rows.slice(0, EXAMPLES).join(' ')})`}`;
  return `${theirs}, at the source ${ours}; rows that only the source has: ${some(lost)}, only the target: ${some(extra)}`;
}

async function unbalancedAccounts(target: Client, { name }: Mirror): Promise<number> {
  const { rows } = await target.query<{ wrong: number }>(
    `SELECT count(*)::int AS wrong FROM ${name}.pgbench_accounts a
       LEFT JOIN (SELECT aid, sum(delta) AS total FROM ${name}.pgbench_history GROUP BY aid) h USING (aid)
     WHERE a.abalance <> coalesce(h.total, 0)`,
  );
  return must(rows[0], 'one row').wrong;
}
