import type { Client } from 'pg';
import { connect } from '../../../infra/local/demo/databases.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import type { Findings } from '../findings.ts';
import { olderAccounts } from './branch-reading.ts';
import type { Mirror } from './mirror.ts';
import { inOneSnapshot } from './waited-read.ts';

/** Between two looks. */
const PAUSE_MS = 20;

export interface AuditorOptions {
  /** With meta columns. */
  readonly mirror: Mirror;
  readonly targetUrl: string;
  readonly findings: Findings;
  readonly clock: Clock;
}

/** Waits for nothing: takes `millrace.progress` at its word in every snapshot, whatever the sinks are going through. */
export class Auditor {
  readonly #options: AuditorOptions;
  /** Transactions on the target. */
  readings = 0;
  /** Accounts that were compared with their history. */
  compared = 0;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** Reads until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { targetUrl, clock } = this.#options;
    const target = await connect(targetUrl);
    try {
      while (!signal.aborted) {
        await inOneSnapshot(target, () => this.#read(target));
        await clock.sleep(PAUSE_MS, signal);
      }
    } finally {
      await target.end();
    }
  }

  async #read(target: Client): Promise<void> {
    const { mirror, findings } = this.#options;
    const { rows } = await target.query<{ lsn: string }>(
      `SELECT min(lsn) AS lsn FROM millrace.progress WHERE view LIKE $1`,
      [`${mirror.name}.%`],
    );
    const lsn = rows[0]?.lsn ?? '0/0';
    const { compared, wrong, aid } = await olderAccounts(target, mirror.name, lsn);
    this.readings++;
    this.compared += compared;
    if (wrong > 0)
      findings.note(
        'wrong',
        `${wrong} accounts of ${mirror.name} are not their history at ${lsn}, as progress says; one is ${aid}`,
      );
  }
}
