import { z } from 'zod';
import { systemClock } from '../../infra/process/clock.ts';
import { describe } from '../../infra/process/failure.ts';
import { EXIT } from '../../infra/process/lifecycle.ts';
import { type OptionSpecs, parseOptions } from '../../infra/process/options.ts';
import { count } from '../../infra/process/role-options.ts';
import { isOracleRight, runOracle } from './oracle.ts';

const COMMAND = 'npm run oracle --';
const SEED_BELOW = 1_000_000;

const OPTIONS = {
  seconds: { schema: count.default(60), help: 'how long rows are written, quiet points aside' },
  seed: {
    schema: z.coerce.number().int().optional(),
    help: 'a seed gives the same workload and plan of faults again; default: by chance',
  },
  chaos: {
    schema: z.stringbool().default(false),
    help: 'break roles, lines and servers meanwhile',
    isSwitch: true,
  },
} as const satisfies OptionSpecs;

/** Compares every target of a whole chain with its query over the source, again and again. */
async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const parsed = parseOptions(COMMAND, OPTIONS, argv, env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return EXIT.ok;
  }
  const { seconds, chaos, seed = Math.floor(Math.random() * SEED_BELOW) } = parsed.options;
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const started = systemClock.now();
  const say = (line: string): void => {
    const at = ((systemClock.now() - started) / 1e3).toFixed(1).padStart(6);
    process.stdout.write(`${at} ${line}\n`);
  };
  const verdict = await runOracle({ seed, seconds, chaos, clock: systemClock, say, signal: stop.signal });
  process.stdout.write(`seed ${seed}\n${verdict.checks} checks, ${verdict.mismatches} mismatches\n`);
  return isOracleRight(verdict) ? EXIT.ok : EXIT.failed;
}

main(process.argv.slice(2), process.env).then(
  (code) => void (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`${describe(error)}\n`);
    process.exitCode = EXIT.config;
  },
);
