import type { Client } from 'pg';
import { type Random, whole } from '../fault-lane.ts';

/** The tables of `pgbench -i`, with the columns that are compared; those of the primary key first. */
export const BANK_TABLES = {
  pgbench_branches: ['bid', 'bbalance', 'filler'],
  pgbench_tellers: ['tid', 'bid', 'tbalance', 'filler'],
  pgbench_accounts: ['aid', 'bid', 'abalance', 'filler'],
  pgbench_history: ['hid', 'tid', 'bid', 'aid', 'delta', 'mtime', 'filler'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export const BANK_TABLE_NAMES = Object.keys(BANK_TABLES) as readonly (keyof typeof BANK_TABLES)[];

/** As pgbench has them. */
export const TELLERS_PER_BRANCH = 10;
/** Few beside pgbench's 100 000, so that an account has a history before long. */
export const ACCOUNTS_PER_BRANCH = 500;
/** As pgbench draws it: from minus this to this. */
const DELTA_MAX = 5_000;

/**
 * As `pgbench -i` makes them, but for the key of the history: without one its rows are not told apart, and no table
 * can be made of its topic.
 */
export function bankSql(branches: number): string {
  return `
    CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88));
    CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
    CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
    CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
    ALTER TABLE pgbench_history ADD COLUMN hid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
    INSERT INTO pgbench_branches SELECT bid, 0, '' FROM generate_series(1, ${branches}) bid;
    INSERT INTO pgbench_tellers SELECT tid, (tid - 1) / ${TELLERS_PER_BRANCH} + 1, 0, ''
      FROM generate_series(1, ${branches * TELLERS_PER_BRANCH}) tid;
    INSERT INTO pgbench_accounts SELECT aid, (aid - 1) / ${ACCOUNTS_PER_BRANCH} + 1, 0, ''
      FROM generate_series(1, ${branches * ACCOUNTS_PER_BRANCH}) aid`;
}

/** Branches that follow each other, with their tellers and accounts. */
export interface Branches {
  /** From 1. */
  readonly first: number;
  readonly count: number;
}

/** One transaction of TPC-B. */
export interface Transfer {
  readonly bid: number;
  readonly tid: number;
  readonly aid: number;
  readonly delta: number;
}

/** Branch, teller and account by chance, each for itself, as pgbench draws them. */
export function randomTransfer(random: Random, { first, count }: Branches): Transfer {
  const oneOf = (perBranch: number): number => (first - 1) * perBranch + 1 + whole(random, count * perBranch);
  return {
    bid: oneOf(1),
    tid: oneOf(TELLERS_PER_BRANCH),
    aid: oneOf(ACCOUNTS_PER_BRANCH),
    delta: whole(random, 2 * DELTA_MAX + 1) - DELTA_MAX,
  };
}

/** The statements of pgbench's `tpcb-like`, in one transaction. */
export async function transfer(source: Client, { bid, tid, aid, delta }: Transfer): Promise<void> {
  await source.query('BEGIN');
  await source.query('UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2', [delta, aid]);
  await source.query('SELECT abalance FROM pgbench_accounts WHERE aid = $1', [aid]);
  await source.query('UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2', [delta, tid]);
  await source.query('UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2', [delta, bid]);
  await source.query(
    `INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)`,
    [tid, bid, aid, delta],
  );
  await source.query('END');
}
