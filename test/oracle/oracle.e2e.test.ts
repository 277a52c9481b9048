import { expect, test } from 'vitest';
import { systemClock } from '../../infra/process/clock.ts';
import { findJava } from '../../infra/local/java.ts';
import { thisMachine } from '../../infra/local/machine.ts';
import { hasKcat } from '../support/kcat.ts';
import { runOracle } from './oracle.ts';

const FRESH_SEED = Math.floor(Math.random() * 1_000_000);
const SECONDS = 20;
const TEST_MAX_MS = 600_000;

/** It breaks servers as processes of this machine, also where the other tests have theirs in containers. */
const java = await findJava(thisMachine());
const missing = [...('problem' in java ? ['Java'] : []), ...(hasKcat() ? [] : ['kcat'])].join(', ');

test.skipIf(missing !== '').each([7, FRESH_SEED])(
  `after faults everywhere every target equals its SQL over the source, seed %i${missing && ` (not here: ${missing})`}`,
  async (seed) => {
    const lines: string[] = [];
    const stop = new AbortController();
    const say = (line: string): void => void lines.push(line);
    const run = { seed, seconds: SECONDS, chaos: true, clock: systemClock, say, signal: stop.signal };
    const { checks, mismatches, problems } = await runOracle(run);
    expect(
      { checks: checks > 0, mismatches, problems },
      `npm run oracle -- --chaos --seed ${seed}\n${lines.join('\n')}`,
    ).toEqual({
      checks: true,
      mismatches: 0,
      problems: [],
    });
  },
  TEST_MAX_MS,
);
