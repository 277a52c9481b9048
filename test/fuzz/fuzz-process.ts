import { writeSync } from 'node:fs';
import { argv } from 'node:process';
import { defectOf, inputOf } from './fuzz-case.ts';
import type { CaseFailure, FuzzRun } from './fuzz-run.ts';
import { SUBJECTS } from './subjects.ts';

const STDOUT = 1;

const RETRY_MS = 5;
const clock = new Int32Array(new SharedArrayBuffer(4));

/** Written at once: a process that is killed, or ends itself, has said where it was. */
function say(line: object): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(STDOUT, bytes, at);
    } catch (error) {
      // The reader is behind, and its end of the line does not block.
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'EAGAIN') throw error;
      Atomics.wait(clock, 0, 0, RETRY_MS);
    }
  }
}

/** Runs the cases of all jobs, telling before each which one it is: who never comes back is known then. */
async function main({ jobs, from }: FuzzRun): Promise<void> {
  for (const [job, { subject: name, seed, cases }] of jobs.entries()) {
    if (job < from.job) continue;
    const subject = SUBJECTS.find((each) => each.name === name);
    if (subject === undefined) throw new RangeError(`there is no subject ${name}`);
    for (let index = job === from.job ? from.index : 0; index < cases; index++) {
      say({ job, index });
      const input = inputOf(subject, seed, index);
      const defect = await defectOf(subject, input);
      if (defect === null) continue;
      const failure: CaseFailure = { subject: name, seed, index, defect, hex: input.toString('hex') };
      say({ failure });
    }
  }
}

await main(JSON.parse(argv[2] ?? '') as FuzzRun);
