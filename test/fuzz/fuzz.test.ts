import { beforeAll, expect, test } from 'vitest';
import { type CaseFailure, failureText, fuzz } from './fuzz-run.ts';
import { SUBJECTS } from './subjects.ts';

const CASES = 250;
const FIXED_SEED = 2026;
const FRESH_SEED = Math.floor(Math.random() * 1_000_000_000);
const TIMEOUT_MS = 300_000;

const failures: CaseFailure[] = [];

beforeAll(async () => {
  const seeds = [FIXED_SEED, FRESH_SEED];
  await fuzz(
    SUBJECTS.flatMap(({ name }) => seeds.map((seed) => ({ subject: name, seed, cases: CASES }))),
    (failure) => void failures.push(failure),
  );
}, TIMEOUT_MS);

test.each(SUBJECTS.map(({ name }) => name))(
  `whatever comes as %s is taken or refused with a Failure, in bounded time and memory (fresh seed ${FRESH_SEED})`,
  (name) => {
    expect(failures.filter(({ subject }) => subject === name).map(failureText)).toEqual([]);
  },
);
