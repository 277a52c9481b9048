import { spawn } from 'node:child_process';
import { chownSync, closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../process/clock.ts';
import { Failure } from '../process/failure.ts';
import { asMachineFailure, noSpace } from './machine-failure.ts';
import type { RunFolder } from './run-folder.ts';

const POLL_MS = 25;
const READY_MAX_MS = 60_000;
const STOP_MAX_MS = 2_000;
const TAIL_LINES = 15;
const PORT_TAKEN = /address already in use|BindException|could not bind|seems to be in use/i;
const NO_SPACE = /No space left on device/i;

/** Writes "SIGNAL PID" before it becomes the server, so that the watchdog knows every server that ever ran. */
const LAUNCH = 'echo "$1 $$" >"$0" && shift && exec "$@"';

/** Another user than ours, for servers that refuse root. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

export interface ServerCommand {
  /** Shown to a person, and the name of the log file. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Tried in this order, each for `STOP_MAX_MS`; the last one is followed by SIGKILL. */
  readonly stopSignals: readonly NodeJS.Signals[];
  readonly user?: UserIds | undefined;
}

/** A server that runs as a child process in its own process group, its output in a file. */
export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** How it ended, null while it runs. */
  ended(): string | null;
  /** Resolves with how it ended. */
  readonly end: Promise<string>;
  /** What it wrote so far. */
  log(): string;
  /** From now on it does not keep this process alive. */
  unref(): void;
  /** Stops it and waits until it is gone. */
  stop(): Promise<void>;
}

/** Starts a server. It may still fail: see `untilReady`. */
export function startServer(run: RunFolder, clock: Clock, server: ServerCommand): ServerProcess {
  if (run.closing)
    throw new Failure('local.closing', 'stop', `${server.name} is not started: the local stack is stopping`);
  const logFile = join(run.logs, `${server.name}.log`);
  const pidFile = join(run.pids, server.name);
  const log = openSync(logFile, 'a');
  if (server.user !== undefined) {
    closeSync(openSync(pidFile, 'w'));
    chownSync(pidFile, server.user.uid, server.user.gid);
  }
  const quick = (server.stopSignals.at(-1) ?? 'SIGKILL').slice('SIG'.length);
  const child = spawn('/bin/sh', ['-c', LAUNCH, pidFile, quick, server.command, ...server.args], {
    cwd: run.path,
    env: server.env,
    detached: true,
    stdio: ['ignore', log, log],
    ...server.user,
  });
  closeSync(log);
  let ended: string | null = null;
  const end = new Promise<string>((resolve) => {
    const finish = (how: string): void => {
      ended = how;
      rmSync(pidFile, { force: true });
      run.running.delete(running);
      resolve(how);
    };
    child.once('error', (error) => finish(error.message));
    child.once('exit', (code, signal) => finish(signal === null ? `exit code ${code}` : signal));
  });
  const running: ServerProcess = {
    name: server.name,
    pid: child.pid ?? -1,
    logFile,
    ended: () => ended,
    end,
    log: () => readFileSync(logFile, 'utf8'),
    unref: () => child.unref(),
    async stop() {
      child.ref();
      for (const signal of [...server.stopSignals, 'SIGKILL'] as const) {
        if (ended !== null) return;
        child.kill(signal);
        await endOrTimeout(end, clock, STOP_MAX_MS);
      }
      await end;
    },
  };
  run.running.add(running);
  return running;
}

/** Resolves after `ms` at the latest, and leaves no timer behind. */
async function endOrTimeout(end: Promise<string>, clock: Clock, ms: number): Promise<void> {
  const timer = new AbortController();
  await Promise.race([end, clock.sleep(ms, timer.signal)]);
  timer.abort();
}

/**
 * Waits until `probe` is content with the server, which then no longer keeps this process alive.
 * @param probe false or a rejection means "not yet"
 * @throws Failure `local.port_taken`, `local.no_space`, `local.server_ended`, `local.server_slow`; it names the log
 */
export async function untilReady(
  server: ServerProcess,
  clock: Clock,
  probe: () => Promise<boolean>,
  readyMaxMs: number = READY_MAX_MS,
): Promise<void> {
  const deadline = clock.now() + readyMaxMs;
  let lastError: unknown;
  for (;;) {
    const ended = server.ended();
    if (ended !== null) throw endedFailure(server, ended);
    if (clock.now() > deadline) {
      await server.stop();
      throw new Failure(
        'local.server_slow',
        'stop',
        `${server.name} did not answer within ${readyMaxMs / 1000} s${logHint(server)}`,
        {
          cause: lastError,
          fix: 'see whether the machine is out of memory or processor time, then start again',
        },
      );
    }
    try {
      if (await probe()) return server.unref();
    } catch (error) {
      lastError = error;
    }
    await endOrTimeout(server.end, clock, POLL_MS);
  }
}

function endedFailure(server: ServerProcess, ended: string): Failure {
  const text = server.log();
  if (NO_SPACE.test(text)) return noSpace(server.logFile);
  const taken = PORT_TAKEN.test(text);
  return new Failure(
    taken ? 'local.port_taken' : 'local.server_ended',
    'stop',
    `${server.name} ${taken ? 'found its port taken' : `ended while starting (${ended})`}${logHint(server)}`,
    taken ? { fix: 'end what holds the port, or start again: the ports are chosen anew each time' } : {},
  );
}

function logHint(server: ServerProcess): string {
  const lines = server.log().trimEnd().split('\n').slice(-TAIL_LINES);
  return `; its log ${server.logFile} ends with:\n    ${lines.join('\n    ')}`;
}

/** Runs a program to its end. @returns what it wrote @throws Failure `local.program_failed` with its last lines */
export async function runProgram(run: RunFolder, clock: Clock, program: ServerCommand): Promise<string> {
  try {
    const child = startServer(run, clock, program);
    const ended = await child.end;
    if (ended === 'exit code 0') return child.log();
    if (NO_SPACE.test(child.log())) throw noSpace(run.path);
    throw new Failure('local.program_failed', 'stop', `${program.name} failed (${ended})${logHint(child)}`);
  } catch (error) {
    throw asMachineFailure(error, program.command);
  }
}
