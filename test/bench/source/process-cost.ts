import { readFileSync, writeFileSync } from 'node:fs';

/** The kernel tells CPU time in these, whatever the machine (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** What a process has cost so far, all its threads together. Linux only. */
export interface ProcessCost {
  /** User and system. */
  readonly cpuSeconds: number;
  readonly rssMib: number;
  /** Highest resident size since the start, or since {@link forgetPeak}. */
  readonly peakMib: number;
}

export function costOf(pid: number): ProcessCost {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name, which may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    rssMib: mib(status, 'VmRSS'),
    peakMib: mib(status, 'VmHWM'),
  };
}

/** A process that serves several runs has a peak in each. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function mib(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
}
