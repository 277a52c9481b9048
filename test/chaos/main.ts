import { z } from 'zod';
import { stackOptions } from '../../infra/local/stack-options.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { Failure, describe } from '../../infra/process/failure.ts';
import { EXIT } from '../../infra/process/lifecycle.ts';
import { parseOptions } from '../../infra/process/options.ts';
import type { OptionSpecs } from '../../infra/process/options.ts';
import { count } from '../../infra/process/role-options.ts';
import { isRight, runCopyScenario } from './copy-scenario.ts';

const COMMAND = 'npm run chaos -- copy';
const SEED_BELOW = 1_000_000;

const CHAOS_OPTIONS = {
  seconds: { schema: count.default(60), help: 'how long faults go on' },
  seed: {
    schema: z.coerce.number().int().optional(),
    help: 'a seed gives the same faults again; default: by chance',
  },
  broken: {
    schema: z.stringbool().default(false),
    help: 'copiers that commit offsets outside of their transactions, to see the check fail',
    isSwitch: true,
  },
  infra: stackOptions.infra,
} as const satisfies OptionSpecs;

/** Breaks a cluster of our own under a job that must not lose or repeat anything, and tells what became of it. */
async function main([scenario, ...argv]: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const isHelp = scenario === undefined || scenario === '--help';
  if (!isHelp && scenario !== 'copy')
    throw new Failure('config.invalid', 'stop', `there is no scenario ${scenario}`, {
      fix: `try ${COMMAND}`,
    });
  const parsed = parseOptions(COMMAND, CHAOS_OPTIONS, isHelp ? ['--help'] : argv, env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return;
  }
  const { seconds, broken, infra, seed = Math.floor(Math.random() * SEED_BELOW) } = parsed.options;
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const started = systemClock.now();
  const verdict = await runCopyScenario({
    seconds,
    seed,
    isBroken: broken,
    clock: systemClock,
    signal: stop.signal,
    provider: infra === 'external' ? 'auto' : infra,
    say(line) {
      const at = ((systemClock.now() - started) / 1e3).toFixed(1).padStart(6);
      process.stdout.write(`${at} ${line}\n`);
    },
  });
  const { records, lost, duplicated } = verdict;
  process.stdout.write(`${records} records, ${lost} lost, ${duplicated} duplicated\n`);
  process.exitCode = isRight(verdict) ? EXIT.ok : EXIT.failed;
}

main(process.argv.slice(2), process.env).catch((error: unknown) => {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = EXIT.config;
});
