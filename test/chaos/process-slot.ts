import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Clock } from '../../infra/process/clock.ts';
import { dieWithParent } from '../support/die-with-parent.ts';

/** A process that has not drained by then hangs. */
const DRAIN_MAX_MS = 90_000;
const RESTART_MS = 500;

/** A process' place in a job: the process may come and go. */
export interface ProcessSlot {
  /** Does nothing while one runs. */
  start(): void;
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Does nothing while none runs. */
  signal(name: NodeJS.Signals): void;
  /** Freezes the process and starts another one in its place. @returns what thaws it, to find that it was replaced */
  overtake(): () => void;
  /** SIGTERM. @returns how it ended, `hangs` when it had to be killed, or that one that was replaced went on */
  drain(): Promise<string>;
}

export interface SlotOptions {
  readonly program: string;
  /** Of Node itself. */
  readonly nodeArgs?: readonly string[];
  /** Of the `run`-th process in this place, from 0. */
  readonly args: (run: number) => readonly string[];
  readonly logFile: string;
  readonly clock: Clock;
  /** Called when a process ends without being asked to; another one is started. */
  readonly onEnd: (how: string) => void;
}

export function processSlot(options: SlotOptions): ProcessSlot {
  const { program, nodeArgs = [], args, logFile, clock, onEnd } = options;
  let child: ChildProcess | undefined;
  let runs = 0;
  let isWanted = false;
  /** It is being ended, whatever is wanted meanwhile. */
  let doomed: ChildProcess | undefined;
  let overtaken: ChildProcess[] = [];
  const isRunning = (): boolean => isAlive(child);
  function start(): void {
    isWanted = true;
    if (isRunning()) return;
    const log = openSync(logFile, 'a');
    const argv = [...nodeArgs, program, ...args(runs++)];
    // In a process group of its own, so that Ctrl-C asks only us.
    const started = spawn(process.execPath, argv, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    dieWithParent(started);
    child = started;
    started.once('exit', (code, signal) => {
      if (!isWanted || child !== started) return;
      // Of two under one name the one that began to work last goes on, which may be the one that was frozen.
      if (started !== doomed && !overtaken.some(isAlive)) onEnd(signal ?? `exit code ${code}`);
      void clock.sleep(RESTART_MS).then(() => isWanted && child === started && start());
    });
  }
  const inTime = async (ended: Promise<unknown>): Promise<boolean> => {
    const timer = new AbortController();
    const late = clock.sleep(DRAIN_MAX_MS, timer.signal).then(() => false);
    const isInTime = await Promise.race([ended.then(() => true), late]);
    timer.abort();
    return isInTime;
  };
  return {
    start,
    async kill() {
      isWanted = false;
      doomed = child;
      await end(child, 'SIGKILL');
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    signal: (name) => void (isRunning() && child?.kill(name)),
    overtake() {
      const old = child;
      if (old === undefined || !isRunning()) return () => undefined;
      old.kill('SIGSTOP');
      overtaken.push(old);
      child = undefined;
      start();
      return () => void old.kill('SIGCONT');
    },
    async drain() {
      isWanted = false;
      doomed = child;
      const running = [...overtaken, child].filter(isAlive);
      overtaken = [];
      for (const each of running) each.kill('SIGCONT');
      // All but one hear from the group or the broker that they were replaced.
      const isOneLeft = await inTime(untilOneIsLeft(running));
      const left = running.filter(isAlive);
      const isOver = await inTime(Promise.all(left.map((each) => end(each, 'SIGTERM'))));
      if (!isOver) await Promise.all(left.map((each) => end(each, 'SIGKILL')));
      if (!isOneLeft) return 'one that was replaced went on';
      return isOver ? howEnded(left[0] ?? child) : 'hangs';
    },
  };
}

function isAlive(child: ChildProcess | undefined): child is ChildProcess {
  return child?.exitCode === null && child.signalCode === null;
}

async function untilOneIsLeft(processes: readonly ChildProcess[]): Promise<void> {
  for (let left = processes; left.length > 1; left = left.filter(isAlive))
    await Promise.race(left.map((each) => once(each, 'exit')));
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!isAlive(child)) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

function howEnded(child: ChildProcess | undefined): string {
  return child === undefined ? 'was not started' : (child.signalCode ?? `exit code ${child.exitCode}`);
}

/** `--an-option=value` for each of them. */
export function flagsOf(values: Readonly<Record<string, string | number>>): string[] {
  const flag = (name: string): string => name.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
  return Object.entries(values).map(([name, value]) => `--${flag(name)}=${value}`);
}
