import { z } from 'zod';
import { stackOptions, stackRequest } from '../../infra/local/stack-options.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { Failure, describe } from '../../infra/process/failure.ts';
import { EXIT } from '../../infra/process/lifecycle.ts';
import { parseOptions } from '../../infra/process/options.ts';
import type { OptionSpecs } from '../../infra/process/options.ts';
import { count } from '../../infra/process/role-options.ts';
import { isRight, runCopyScenario } from './copy-scenario.ts';
import { runJoinScenario } from './join/join-scenario.ts';
import { isJoinRight } from './join/join-verdict.ts';
import { runSinkScenario } from './sink/sink-scenario.ts';
import { isSinkRight, sinkVerdictText } from './sink/sink-verdict.ts';
import { isSourceRight, runSourceScenario } from './source/source-scenario.ts';
import { isTpcbRight } from './tpcb/tpcb-run.ts';
import { runTpcbScenario } from './tpcb/tpcb-scenario.ts';

const COMMAND = 'npm run chaos --';
const SEED_BELOW = 1_000_000;

const FAULT_OPTIONS = {
  seconds: { schema: count.default(60), help: 'how long faults go on' },
  seed: {
    schema: z.coerce.number().int().optional(),
    help: 'a seed gives the same faults again; default: by chance',
  },
} as const satisfies OptionSpecs;

const COPY_OPTIONS = {
  ...FAULT_OPTIONS,
  broken: {
    schema: z.stringbool().default(false),
    help: 'copiers that commit offsets outside of their transactions, to see the check fail',
    isSwitch: true,
  },
  infra: stackOptions.infra,
} as const satisfies OptionSpecs;

/** What every scenario is given beside its own options. */
interface Surroundings {
  readonly seconds: number;
  readonly seed: number;
  readonly clock: typeof systemClock;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Breaks servers of our own under a job that must not lose or repeat anything, and tells what became of it. */
async function main([scenario, ...argv]: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  if (scenario === 'source') return source(argv, env);
  if (scenario === 'join') return join(argv, env);
  if (scenario === 'sink') return sink(argv, env);
  if (scenario === 'tpcb') return tpcb(argv, env);
  const isHelp = scenario === undefined || scenario === '--help';
  if (!isHelp && scenario !== 'copy')
    throw new Failure('config.invalid', 'stop', `there is no scenario ${scenario}`, {
      fix: `try ${COMMAND} copy, ${COMMAND} source, ${COMMAND} join, ${COMMAND} sink, or ${COMMAND} tpcb`,
    });
  return copy(isHelp ? ['--help'] : argv, env);
}

async function copy(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const parsed = parseOptions(`${COMMAND} copy`, COPY_OPTIONS, argv, env);
  if (parsed.kind === 'help') {
    process.stdout.write(
      `${parsed.text}\nthe other scenarios: ${COMMAND} source --help, ${COMMAND} join --help, ${COMMAND} sink --help, ${COMMAND} tpcb --help\n`,
    );
    return;
  }
  const { broken, infra } = parsed.options;
  const verdict = await runCopyScenario({
    ...surroundings(parsed.options),
    isBroken: broken,
    provider: infra === 'external' ? 'auto' : infra,
  });
  const { records, lost, duplicated } = verdict;
  process.stdout.write(`${records} records, ${lost} lost, ${duplicated} duplicated\n`);
  process.exitCode = isRight(verdict) ? EXIT.ok : EXIT.failed;
}

async function source(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const parsed = parseOptions(`${COMMAND} source`, FAULT_OPTIONS, argv, env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return;
  }
  const scenario = surroundings(parsed.options);
  const verdict = await runSourceScenario(scenario);
  const { rows, lost, duplicated, stale } = verdict;
  process.stdout.write(`seed ${scenario.seed}\n`);
  process.stdout.write(`${rows} rows, ${lost} lost, ${duplicated} duplicated, ${stale} stale\n`);
  process.exitCode = isSourceRight(verdict) ? EXIT.ok : EXIT.failed;
}

async function join(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const parsed = parseOptions(`${COMMAND} join`, FAULT_OPTIONS, argv, env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return;
  }
  const scenario = surroundings(parsed.options);
  const outcome = await runJoinScenario(scenario);
  const { results, missing, extra } = outcome;
  process.stdout.write(`seed ${scenario.seed}\n`);
  process.stdout.write(`${results} results, ${missing} missing, ${extra} extra\n`);
  process.exitCode = isJoinRight(outcome) ? EXIT.ok : EXIT.failed;
}

async function tpcb(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const parsed = parseOptions(`${COMMAND} tpcb`, { ...FAULT_OPTIONS, ...stackOptions }, argv, env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return;
  }
  const scenario = surroundings(parsed.options);
  const verdict = await runTpcbScenario(scenario, stackRequest(parsed.options, scenario.say));
  const { transactions, checks, wrong } = verdict;
  process.stdout.write(`seed ${scenario.seed}\n`);
  process.stdout.write(`${transactions} transactions, ${checks} checks, ${wrong} wrong\n`);
  process.exitCode = isTpcbRight(verdict) ? EXIT.ok : EXIT.failed;
}

async function sink(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const parsed = parseOptions(`${COMMAND} sink`, FAULT_OPTIONS, argv, env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return;
  }
  const scenario = surroundings(parsed.options);
  const verdict = await runSinkScenario(scenario);
  process.stdout.write(`seed ${scenario.seed}\n${sinkVerdictText(verdict)}\n`);
  process.exitCode = isSinkRight(verdict) ? EXIT.ok : EXIT.failed;
}

function surroundings(options: {
  readonly seconds: number;
  readonly seed?: number | undefined;
}): Surroundings {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const started = systemClock.now();
  return {
    seconds: options.seconds,
    seed: options.seed ?? Math.floor(Math.random() * SEED_BELOW),
    clock: systemClock,
    signal: stop.signal,
    say(line) {
      const at = ((systemClock.now() - started) / 1e3).toFixed(1).padStart(6);
      process.stdout.write(`${at} ${line}\n`);
    },
  };
}

main(process.argv.slice(2), process.env).catch((error: unknown) => {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = EXIT.config;
});
