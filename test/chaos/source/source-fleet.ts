import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../../infra/process/clock.ts';
import { dieWithParent } from '../../support/die-with-parent.ts';
import { lastError } from '../log-error.ts';

const PROGRAM = fileURLToPath(new URL('../../../connectors/postgres-source/main.ts', import.meta.url));
/** A source that has not drained by then hangs. */
const DRAIN_MAX_MS = 60_000;
const RESTART_MS = 300;
/** Every so many-th process finds nothing of what its predecessors have kept on disk. */
const STATELESS_EVERY = 3;

export interface FleetOptions {
  readonly folder: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

interface Instance {
  readonly number: number;
  readonly child: ChildProcess;
  readonly logFile: string;
  /** It is being ended. */
  isDoomed: boolean;
}

/** The processes of one source: one, and at times a second that takes over from it. When none is left, one is started. */
export interface SourceFleet extends AsyncDisposable {
  start(): void;
  /** SIGKILL for the youngest; none is started before {@link start}. */
  kill(): Promise<void>;
  /** SIGSTOP for the youngest. @returns what thaws it again */
  freeze(): () => void;
  /** SIGTERM for all. Resolves with how each ended, `hangs` when it had to be killed. */
  drain(): Promise<string[]>;
  /** Ends that were not asked for, and are no fencing. */
  readonly problems: readonly string[];
  readonly started: number;
  /** Logs of all that ran. */
  logs(): string;
}

export function sourceFleet(options: FleetOptions): SourceFleet {
  const { folder, flags, clock, say } = options;
  const running: Instance[] = [];
  const problems = new Map<string, number>();
  const files: string[] = [];
  const stateFolder = join(folder, 'state');
  let isWanted = false;
  const start = (): void => {
    isWanted = true;
    const number = files.length + 1;
    if (running.length === 0 && number % STATELESS_EVERY === 0)
      rmSync(stateFolder, { recursive: true, force: true });
    const logFile = join(folder, `source-${number}.log`);
    files.push(logFile);
    const log = openSync(logFile, 'a');
    const args = Object.entries({ ...flags, 'state-dir': stateFolder }).map(
      ([name, value]) => `--${name}=${value}`,
    );
    // In a process group of its own, so that Ctrl-C asks only us.
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    dieWithParent(child);
    const instance = { number, child, logFile, isDoomed: false };
    running.push(instance);
    child.once('exit', (code, signal) => {
      running.splice(running.indexOf(instance), 1);
      if (!instance.isDoomed) told(instance, signal ?? `exit code ${code}`);
      if (isWanted && running.length === 0)
        void clock
          .sleep(RESTART_MS * (1 + problems.size))
          .then(() => isWanted && running.length === 0 && start());
    });
  };
  const told = ({ number, logFile }: Instance, how: string): void => {
    const { reason, isFenced } = lastError(logFile);
    const line = `source ${number} ended by itself (${how}): ${reason}`;
    say(line);
    if (!isFenced) problems.set(reason, (problems.get(reason) ?? 0) + 1);
  };
  const end = async (instance: Instance, signal: NodeJS.Signals): Promise<string> => {
    instance.isDoomed = true;
    const { child } = instance;
    const exit = once(child, 'exit');
    child.kill(signal);
    const timer = new AbortController();
    const timeout = clock
      .sleep(DRAIN_MAX_MS, timer.signal)
      .then(() => child.exitCode ?? child.kill('SIGKILL'));
    await exit;
    timer.abort();
    await timeout;
    if (child.signalCode === 'SIGKILL' && signal !== 'SIGKILL') return 'hangs';
    return child.signalCode ?? `exit code ${child.exitCode}`;
  };
  return {
    get problems() {
      return [...problems].map(([reason, times]) => `a source ended by itself, ${times} times: ${reason}`);
    },
    start,
    get started() {
      return files.length;
    },
    async kill() {
      isWanted = false;
      const instance = running.at(-1);
      if (instance !== undefined) await end(instance, 'SIGKILL');
    },
    freeze() {
      const child = running.at(-1)?.child;
      child?.kill('SIGSTOP');
      return () => void child?.kill('SIGCONT');
    },
    async drain() {
      isWanted = false;
      return Promise.all(running.map((instance) => end(instance, 'SIGTERM')));
    },
    logs: () => files.map((file) => readFileSync(file, 'utf8')).join('\n'),
    async [Symbol.asyncDispose]() {
      isWanted = false;
      await Promise.all(running.map((instance) => end(instance, 'SIGKILL')));
    },
  };
}
