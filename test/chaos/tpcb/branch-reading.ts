import type { Client } from 'pg';
import { must } from '../../../infra/process/assert.ts';
import { ACCOUNTS_PER_BRANCH } from './bank.ts';

/** What a branch's tables say, all in one snapshot. Sums are text, as Postgres gives them. */
interface BranchReading {
  readonly accounts: number;
  /** Accounts whose balance is not the sum of their history. */
  readonly wrong_accounts: number;
  readonly branch_balance: string;
  readonly tellers_total: string;
  readonly accounts_total: string;
  readonly history_total: string;
  readonly history_rows: string;
}

const READING = (schema: string): string => `
  WITH h AS (
    SELECT aid, sum(delta) AS total, count(*) AS n FROM ${schema}.pgbench_history WHERE bid = $1 GROUP BY aid)
  SELECT count(*)::int AS accounts,
    count(*) FILTER (WHERE a.abalance <> coalesce(h.total, 0))::int AS wrong_accounts,
    sum(a.abalance)::text AS accounts_total,
    coalesce(sum(h.total), 0)::text AS history_total, coalesce(sum(h.n), 0)::text AS history_rows,
    (SELECT sum(tbalance)::text FROM ${schema}.pgbench_tellers WHERE bid = $1) AS tellers_total,
    (SELECT bbalance::text FROM ${schema}.pgbench_branches WHERE bid = $1) AS branch_balance
  FROM ${schema}.pgbench_accounts a LEFT JOIN h USING (aid) WHERE a.bid = $1`;

/** What somebody knows of a branch whose only writer he is. */
export interface BranchLedger {
  readonly bid: number;
  readonly transfers: number;
  readonly total: number;
}

/** Inside of a snapshot. @returns what is wrong with the branch that nobody else writes, null when nothing is */
export async function wrongOfBranch(
  target: Client,
  schema: string,
  ledger: BranchLedger,
): Promise<string | null> {
  const { rows } = await target.query<BranchReading>(READING(schema), [ledger.bid]);
  const reading = must(rows[0], 'one row');
  const total = String(ledger.total);
  const expected: BranchReading = {
    accounts: ACCOUNTS_PER_BRANCH,
    wrong_accounts: 0,
    accounts_total: total,
    history_total: total,
    history_rows: String(ledger.transfers),
    tellers_total: total,
    branch_balance: total,
  };
  const wrong = (Object.keys(expected) as (keyof BranchReading)[]).filter(
    (name) => reading[name] !== expected[name],
  );
  if (wrong.length === 0) return null;
  const told = wrong.map((name) => `${name} ${reading[name]} instead of ${expected[name]}`);
  return `branch ${ledger.bid} of ${schema}: ${told.join(', ')}`;
}

/**
 * Rows from before an LSN that has been waited for are what they were at that LSN, whatever has come since; and of a
 * history, to which rows are only added, so are they all.
 */
const BEFORE_LSN = (schema: string): string => `
  WITH h AS (
    SELECT aid, sum(delta) AS total FROM ${schema}.pgbench_history WHERE __lsn < $1::pg_lsn GROUP BY aid)
  SELECT count(*)::int AS compared, count(*) FILTER (WHERE a.abalance <> coalesce(h.total, 0))::int AS wrong,
    (array_agg(a.aid) FILTER (WHERE a.abalance <> coalesce(h.total, 0)))[1] AS aid
  FROM ${schema}.pgbench_accounts a LEFT JOIN h USING (aid) WHERE a.__lsn < $1::pg_lsn`;

/** Accounts that have not changed since an LSN, of all writers. */
export interface OlderAccounts {
  readonly compared: number;
  /** Those whose balance is not the sum of their history up to the LSN. */
  readonly wrong: number;
  /** One of them. */
  readonly aid: number | null;
}

/** Inside of a snapshot, of a schema with meta columns. */
export async function olderAccounts(target: Client, schema: string, lsn: string): Promise<OlderAccounts> {
  const { rows } = await target.query<OlderAccounts>(BEFORE_LSN(schema), [lsn]);
  return must(rows[0], 'one row');
}
