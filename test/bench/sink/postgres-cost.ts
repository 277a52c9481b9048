import { readFileSync, readdirSync } from 'node:fs';
import type { BenchDatabase } from '../source/bench-database.ts';

const TICKS_PER_SECOND = 100;

interface ProcessStat {
  readonly parent: number;
  readonly ticks: number;
  /** Of children that have ended and were waited for. */
  readonly childTicks: number;
}

/** A function that tells what all processes of the database's server, those that have ended too, have cost so far. */
export async function postgresCpuSeconds({ value }: BenchDatabase): Promise<() => number> {
  const backend = Number(await value('SELECT pg_backend_pid()'));
  const postmaster = statOf(backend)?.parent;
  if (postmaster === undefined)
    throw new Error('Postgres does not run on this machine: its CPU time is not known');
  return () => {
    const own = statOf(postmaster);
    let ticks = (own?.ticks ?? 0) + (own?.childTicks ?? 0);
    for (const name of readdirSync('/proc')) {
      const stat = /^\d+$/.test(name) ? statOf(Number(name)) : null;
      if (stat?.parent === postmaster) ticks += stat.ticks;
    }
    return ticks / TICKS_PER_SECOND;
  };
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; null of a process that is gone. */
function statOf(pid: number): ProcessStat | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const sum = (a: number, b: number): number => (fields[a] ?? 0) + (fields[b] ?? 0);
  return { parent: fields[1] ?? 0, ticks: sum(11, 12), childTicks: sum(13, 14) };
}
