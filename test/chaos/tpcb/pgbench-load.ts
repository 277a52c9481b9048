import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '../../../infra/local/demo/databases.ts';
import { dieWithParent } from '../../support/die-with-parent.ts';
import { ACCOUNTS_PER_BRANCH, type Branches, TELLERS_PER_BRANCH } from './bank.ts';
import type { Load, LoadOptions } from './load.ts';

/** Transactions a second: the mirrors shall keep up, on a small machine too. */
const RATE = 150;
/** Longer than a round: it is ended. */
const SECONDS = 86_400;
const LAST_COMMIT_MS = 20;

export function hasPgbench(): boolean {
  return spawnSync('pgbench', ['--version']).status === 0;
}

/** pgbench itself, with its own script `tpcb-like` but for the bounds, which leave the other branches alone. */
export function pgbenchLoad(
  { sourceUrl, branches, writers, random, clock }: LoadOptions,
  folder: string,
): Load {
  const script = join(folder, 'tpcb-like.sql');
  writeFileSync(script, scriptOf(branches));
  return async (signal) => {
    const seed = Math.floor(random() * 2 ** 31);
    const flags = [
      '-n',
      '-c',
      writers,
      '-j',
      1,
      '-R',
      RATE,
      '-T',
      SECONDS,
      '-f',
      script,
      `--random-seed=${seed}`,
    ];
    const child = spawn('pgbench', [...flags.map(String), sourceUrl], {
      stdio: 'ignore',
      // In a process group of its own, so that Ctrl-C asks only us.
      detached: true,
    });
    dieWithParent(child);
    const exit = once(child, 'exit');
    const over = new AbortController();
    const end = (): void => over.abort();
    child.once('exit', end);
    signal.addEventListener('abort', end, { signal: over.signal });
    await clock.sleep(signal.aborted ? 0 : SECONDS * 1_000, over.signal);
    if (!signal.aborted) throw new Error(`pgbench ended by itself with exit code ${child.exitCode}`);
    child.kill('SIGTERM');
    await exit;
    await untilGone(sourceUrl, clock);
  };
}

/** What it had sent may still be committed after its end. */
async function untilGone(sourceUrl: string, clock: LoadOptions['clock']): Promise<void> {
  const source = await connect(sourceUrl);
  try {
    const left = `SELECT FROM pg_stat_activity WHERE application_name = 'pgbench' AND datname = current_database()`;
    while ((await source.query(left)).rowCount !== 0) await clock.sleep(LAST_COMMIT_MS);
  } finally {
    await source.end();
  }
}

function scriptOf({ first, count }: Branches): string {
  const drawn = (name: string, perBranch: number): string =>
    `\\set ${name} random(${(first - 1) * perBranch + 1}, ${(first - 1 + count) * perBranch})\n`;
  return `${drawn('aid', ACCOUNTS_PER_BRANCH)}${drawn('bid', 1)}${drawn('tid', TELLERS_PER_BRANCH)}\\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
END;
`;
}
