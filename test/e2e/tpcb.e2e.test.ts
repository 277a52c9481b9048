import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { thisMachine } from '../../infra/local/machine.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { SESSION_TIMEOUT_MS, type SinkFault, type SinkLane } from '../chaos/tpcb/tpcb-faults.ts';
import { runTpcb } from '../chaos/tpcb/tpcb-run.ts';

const TEST_MAX_MS = 240_000;
const PAST_SESSION_MS = SESSION_TIMEOUT_MS + 1_500;

const fault = (
  afterMs: number,
  kind: SinkFault['kind'],
  sink: string,
  forMs: number,
  second = false,
): SinkLane[number] => ({
  afterMs,
  fault: { kind, sink, second, forMs },
});

/** The first of `plain` sleeps until a second one has its work, and until another one has its name. */
const LANES: readonly SinkLane[] = [
  [fault(0, 'double', 'plain', 9_000)],
  [fault(3_000, 'pause', 'plain', PAST_SESSION_MS), fault(500, 'replace', 'plain', 1_000)],
  [fault(1_500, 'kill', 'placed', 200), fault(2_500, 'double', 'placed', 4_000)],
  [fault(6_000, 'kill', 'placed', 200, true)],
];

test(
  'TPC-B is mirrored by sinks that are killed, paused and doubled: histories and balances agree for who has waited, and tables when it is quiet',
  async () => {
    const prefix = `tpcb_${Math.random().toString(36).slice(2, 8)}`;
    const folder = await mkdtemp(join(thisMachine().tmpFolder, 'millrace-tpcb-'));
    const said = [`logs are in ${folder}`];
    const verdict = await runTpcb({
      servers: {
        kafkaBrokers: inject('kafkaBrokers'),
        registryUrl: inject('registryUrl'),
        sourceUrl: inject('sourceUrl'),
        targetUrl: inject('targetUrl'),
      },
      prefix,
      folder,
      lanes: LANES,
      seconds: 18,
      roundMs: 6_000,
      seed: 1,
      clock: systemClock,
      say: (line) => said.push(line),
      signal: new AbortController().signal,
    });
    expect(verdict, said.join('\n')).toMatchObject({ wrong: 0, problems: [], faults: 6 });
    expect(verdict.checks).toBeGreaterThan(50);
    expect(verdict.accounts).toBeGreaterThan(1_000);
    await rm(folder, { recursive: true });
  },
  TEST_MAX_MS,
);
