import { expect, test } from 'vitest';
import { ROLE_NAMES, type RoleName } from '../../infra/local/demo/chain.ts';
import { generateDataset } from '../../infra/local/demo/generated-dataset.ts';
import { load } from '../../infra/local/demo/loader.ts';
import { TARGET_PROOFS, prove } from '../../infra/local/demo/proof.ts';
import { quietPoint } from '../../infra/local/demo/quiet-point.ts';
import { planWorkload } from '../../infra/local/demo/workload.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { type DemoPlace, demoPlace } from '../support/demo-place.ts';

const BEFORE_SHARE = 0.1;
const LIVE_TRANSACTIONS = 1200;
const QUIET_MAX_MS = 60_000;

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

test.each(ROLE_NAMES)(
  '%s killed in the middle of the load and started again: 0 mismatches',
  async (role: RoleName) => {
    await using demo = await demoPlace('crash');
    const { chain } = demo;
    await load(demo.source, workload.before, never);
    chain.startAll();
    await Promise.all(ROLE_NAMES.map((name) => chain.role(name).url()));
    const third = Math.floor(live.length / 3);
    await load(demo.source, live.slice(0, third), never);
    await chain.role(role).kill();
    await load(demo.source, live.slice(third, 2 * third), never);
    chain.start(role);
    await load(demo.source, live.slice(2 * third), never);
    await expectProved(demo);
  },
);

test('every role drains on SIGTERM with exit code 0, and goes on where it was', async () => {
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
});
