import { argv, env } from 'node:process';
import { z } from 'zod';
import { Failure, describe } from '../../infra/process/failure.ts';
import { EXIT } from '../../infra/process/lifecycle.ts';
import { parseOptions } from '../../infra/process/options.ts';
import type { OptionSpecs } from '../../infra/process/options.ts';
import { count } from '../../infra/process/role-options.ts';
import { defectOf } from './fuzz-case.ts';
import { failureText, fuzz } from './fuzz-run.ts';
import type { FuzzSubject } from './subject.ts';
import { SUBJECTS } from './subjects.ts';

const COMMAND = 'npm run fuzz --';
const SEED_BELOW = 1_000_000_000;
/** Cases of each subject in one round, which has a seed of its own: the seed, then the next numbers. */
const ROUND_CASES = 500;
const MILLIS = 1_000;

const OPTIONS = {
  seconds: { schema: count.default(60), help: 'how long; the round at hand is finished' },
  seed: { schema: z.coerce.number().int().nonnegative().optional(), help: 'default: by chance' },
  subject: {
    schema: z.string().optional(),
    help: `default: all of ${SUBJECTS.map(({ name }) => name).join(', ')}`,
  },
  hex: {
    schema: z
      .string()
      .regex(/^([0-9a-f]{2})*$/)
      .optional(),
    help: 'takes these bytes alone, in this process, for a debugger',
  },
} as const satisfies OptionSpecs;

async function main(): Promise<void> {
  const parsed = parseOptions(COMMAND, OPTIONS, argv.slice(2), env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return;
  }
  const { seconds, seed = Math.floor(Math.random() * SEED_BELOW), subject, hex } = parsed.options;
  const subjects = SUBJECTS.filter(({ name }) => subject === undefined || name === subject);
  if (subjects.length === 0) throw new Failure('config.invalid', 'stop', `there is no subject ${subject}`);
  if (hex !== undefined) return replay(subjects, Buffer.from(hex, 'hex'));
  await rounds(subjects, seed, performance.now() + seconds * MILLIS);
}

async function rounds(subjects: readonly FuzzSubject[], seed: number, untilMs: number): Promise<void> {
  let [cases, failed] = [0, 0];
  for (let round = seed; performance.now() < untilMs; round++) {
    const jobs = subjects.map(({ name }) => ({ subject: name, seed: round, cases: ROUND_CASES }));
    await fuzz(jobs, (failure) => {
      failed++;
      process.stdout.write(`${failureText(failure)}\n`);
    });
    cases += ROUND_CASES * subjects.length;
  }
  process.stdout.write(`${cases} cases, ${failed} failures, seed ${seed}\n`);
  if (failed > 0) process.exitCode = EXIT.failed;
}

async function replay(subjects: readonly FuzzSubject[], bytes: Buffer): Promise<void> {
  for (const subject of subjects) {
    const defect = await defectOf(subject, bytes);
    process.stdout.write(`${subject.name}: ${defect ?? 'as it should be'}\n`);
    if (defect !== null) process.exitCode = EXIT.failed;
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`error: ${describe(error)}\n`);
  process.exitCode = error instanceof Failure && error.code.startsWith('config.') ? EXIT.config : EXIT.failed;
}
