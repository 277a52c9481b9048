import { expect, test } from 'vitest';
import { ROLE_NAMES, type RoleName } from '../../infra/local/demo/chain.ts';
import { generateDataset } from '../../infra/local/demo/generated-dataset.ts';
import { load, loadAtRate } from '../../infra/local/demo/loader.ts';
import { TARGET_PROOFS, prove } from '../../infra/local/demo/proof.ts';
import { quietPoint } from '../../infra/local/demo/quiet-point.ts';
import { planWorkload } from '../../infra/local/demo/workload.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { type DemoPlace, demoPlace } from '../support/demo-place.ts';

const BEFORE_SHARE = 0.1;
const LIVE_TRANSACTIONS = 1200;
/** Live transactions per second: the roles keep up, and always have something under way. */
const RATE = 500;
const POLL_MS = 50;
const QUIET_MAX_MS = 60_000;
const TEST_MAX_MS = 120_000;

const workload = planWorkload(generateDataset(7), BEFORE_SHARE);
const live = workload.live.slice(0, LIVE_TRANSACTIONS);
const never = new AbortController().signal;

async function expectProved({ chain, place, source, target }: DemoPlace): Promise<void> {
  await quietPoint(place, source, systemClock, QUIET_MAX_MS, () => chain.assertRunning());
  for (const proof of TARGET_PROOFS) {
    const result = await prove(proof, source, target);
    expect(result.rows).toBeGreaterThan(100);
    expect(result).toMatchObject({ mismatches: 0, examples: [] });
  }
}

/** Resolves when rows have come all the way into every target table. */
async function rowsArrive({ chain, target }: DemoPlace): Promise<void> {
  for (;;) {
    chain.assertRunning();
    const names = TARGET_PROOFS.map((proof) => proof.target);
    const { rows } = await target.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relname = ANY($1) AND relkind = 'r'`,
      [names],
    );
    if (rows.length === names.length) {
      const counts = names.map((name) => `(SELECT count(*) > 0 FROM ${name})`).join(' AND ');
      const { rows: filled } = await target.query<{ all: boolean }>(`SELECT ${counts} AS all`);
      if (filled[0]?.all) return;
    }
    await systemClock.sleep(POLL_MS);
  }
}

test.each(ROLE_NAMES)(
  '%s killed in the middle of the load and started again: 0 mismatches',
  async (role: RoleName) => {
    await using demo = await demoPlace('crash');
    const { chain, source } = demo;
    await load(source, workload.before, never);
    chain.startAll();
    await rowsArrive(demo);
    const third = Math.floor(live.length / 3);
    await loadAtRate(source, live.slice(0, third), RATE, systemClock, never);
    const rest = loadAtRate(source, live.slice(third), RATE, systemClock, never);
    await chain.role(role).kill();
    chain.start(role);
    await rest;
    await expectProved(demo);
  },
  TEST_MAX_MS,
);

test(
  'every role drains on SIGTERM with exit code 0, and goes on where it was',
  async () => {
    await using demo = await demoPlace('drain');
    const { chain } = demo;
    await load(demo.source, workload.before, never);
    chain.startAll();
    const half = Math.floor(live.length / 2);
    await load(demo.source, live.slice(0, half), never);
    await expectProved(demo);
    for (const name of ROLE_NAMES) expect(await chain.role(name).stop(), name).toBe(true);
    await load(demo.source, live.slice(half), never);
    chain.startAll();
    await expectProved(demo);
  },
  TEST_MAX_MS,
);
