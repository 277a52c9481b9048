import { expect, test } from 'vitest';
import { systemClock } from '../../infra/process/clock.ts';
import { hasKcat } from '../support/kcat.ts';
import { runOracle } from './oracle.ts';

const FRESH_SEED = Math.floor(Math.random() * 1_000_000);
const SECONDS = 20;
const TEST_MAX_MS = 600_000;

test.skipIf(!hasKcat()).each([7, FRESH_SEED])(
  'after faults everywhere every target equals its SQL over the source, seed %i',
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
