import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { inputOf } from './fuzz-case.ts';
import { SUBJECTS } from './subjects.ts';

const PROGRAM = join(import.meta.dirname, 'fuzz-process.ts');

/** Cases of one subject: those of a seed, from 0 on. */
export interface FuzzJob {
  readonly subject: string;
  readonly seed: number;
  readonly cases: number;
}

interface Place {
  readonly job: number;
  readonly index: number;
}

/** What a process is given. */
export interface FuzzRun {
  readonly jobs: readonly FuzzJob[];
  readonly from: Place;
}

export interface CaseFailure {
  readonly subject: string;
  readonly seed: number;
  readonly index: number;
  readonly defect: string;
  readonly hex: string;
}

/** Heap of the process, MiB: a case that believes a length ends there. */
const HEAP_MIB = 384;
/** A case that is at work for so long never ends. Milliseconds of wall time, generous for a busy machine. */
const HANG_MS = 60_000;
/** Until the first case: the modules of the whole product are loaded before. */
const LOAD_MS = 120_000;
const ERROR_CHARACTERS_MAX = 600;

/** What the process says, line by line: a case begins, or has failed. */
type Line = Place | { readonly failure: CaseFailure };

/**
 * Runs jobs in a process of their own, for a damaged input may end it in native code too; after a case that hangs or ends
 * it, a new process goes on behind it. Each failure is told when it is found.
 */
export async function fuzz(
  jobs: readonly FuzzJob[],
  onFailure: (failure: CaseFailure) => void,
): Promise<void> {
  for (let from: Place | null = { job: 0, index: 0 }; from !== null;)
    from = await runProcess(jobs, from, onFailure);
}

/** Where to go on behind the case that ended the process, null when it came to the end. */
async function runProcess(
  jobs: readonly FuzzJob[],
  from: Place,
  onFailure: (failure: CaseFailure) => void,
): Promise<Place | null> {
  const run: FuzzRun = { jobs, from };
  const args = [`--max-old-space-size=${HEAP_MIB}`, PROGRAM, JSON.stringify(run)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [place, isHung, said]: [Place | null, boolean, string] = [null, false, ''];
  const bark = (): void => {
    isHung = true;
    child.kill('SIGKILL');
  };
  let timer = setTimeout(bark, LOAD_MS);
  child.stderr.on(
    'data',
    (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(0, ERROR_CHARACTERS_MAX)),
  );
  const closed = once(child, 'close');
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line;
    if ('failure' in line) onFailure(line.failure);
    else place = line;
    clearTimeout(timer);
    timer = setTimeout(bark, HANG_MS);
  }
  const [code] = (await closed) as [number | null];
  clearTimeout(timer);
  if (code === 0) return null;
  const lost = place === null ? undefined : jobs[place.job];
  if (place === null || lost === undefined) throw new Error(`no case was run: ${said}`);
  onFailure(
    lostCase(lost, place.index, isHung ? `did not end within ${HANG_MS} ms` : `ended the process: ${said}`),
  );
  return { job: place.job, index: place.index + 1 };
}

function lostCase({ subject: name, seed }: FuzzJob, index: number, defect: string): CaseFailure {
  const subject = SUBJECTS.find((each) => each.name === name);
  const hex = subject === undefined ? '' : inputOf(subject, seed, index).toString('hex');
  return { subject: name, seed, index, defect, hex };
}

/** How a failure is told, and made again. */
export function failureText({ subject, seed, index, defect, hex }: CaseFailure): string {
  return `${subject}, seed ${seed}, case ${index}: ${defect}\n  again: npm run fuzz -- --subject ${subject} --hex ${hex}`;
}
