import type { Client } from 'pg';
import { connect } from '../../../infra/local/demo/databases.ts';
import { type Random, whole } from '../fault-lane.ts';
import type { Findings } from '../findings.ts';
import { randomTransfer, transfer } from './bank.ts';
import { olderAccounts, wrongOfBranch } from './branch-reading.ts';
import type { Mirror } from './mirror.ts';
import { inOneSnapshot, sourceLsn, waitForAll } from './waited-read.ts';

/** Most transactions between two readings. */
const TRANSFERS_MAX = 3;

export interface KeeperOptions {
  readonly bid: number;
  /** Where it looks. */
  readonly mirror: Mirror;
  /** Commits with `synchronous_commit = off`. */
  readonly isAsynchronous: boolean;
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly random: Random;
  readonly findings: Findings;
}

/** The only writer of a branch, who looks after each of its commits what a mirror makes of it. */
export class LedgerKeeper {
  readonly #options: KeeperOptions;
  #transfers = 0;
  #total = 0;
  /** Transactions on a target after `wait_for`. */
  readings = 0;
  /** Accounts of all branches that were compared with their history at an LSN. */
  compared = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Writes and reads until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { bid, mirror, isAsynchronous, sourceUrl, targetUrl, random, findings } = this.#options;
    const source = await connect(sourceUrl);
    const target = await connect(targetUrl);
    try {
      if (isAsynchronous) await source.query('SET synchronous_commit = off');
      while (!signal.aborted) {
        for (let left = 1 + whole(random, TRANSFERS_MAX); left > 0; left--) {
          const next = randomTransfer(random, { first: bid, count: 1 });
          await transfer(source, next);
          this.#transfers++;
          this.#total += next.delta;
        }
        const lsn = await sourceLsn(source, isAsynchronous);
        const late = await waitForAll(target, mirror, lsn);
        if (late === null) await inOneSnapshot(target, () => this.#read(target, lsn));
        else findings.note('late', `${late} has not come to ${lsn}`);
      }
    } finally {
      await source.end();
      await target.end();
    }
  }

  async #read(target: Client, lsn: string): Promise<void> {
    const {
      findings,
      mirror: { name, metaColumns },
    } = this.#options;
    const ledger = { bid: this.#options.bid, transfers: this.#transfers, total: this.#total };
    const wrong = await wrongOfBranch(target, name, ledger);
    if (wrong !== null) findings.note('wrong', `${wrong}, at ${lsn}`);
    if (metaColumns) {
      const older = await olderAccounts(target, name, lsn);
      this.compared += older.compared;
      if (older.wrong > 0)
        findings.note(
          'wrong',
          `${older.wrong} accounts of ${name} are not their history at ${lsn}, one is ${older.aid}`,
        );
    }
    this.readings++;
  }
}
