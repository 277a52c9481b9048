import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../process/failure.ts';
import { asMachineFailure } from './machine-failure.ts';
import type { Machine } from './machine.ts';

const WATCHDOG = fileURLToPath(new URL('watchdog.sh', import.meta.url));

/** Postgres' backends may still write while the folder is removed. */
const REMOVE_TRIES = 10;

interface Running {
  readonly name: string;
  /** Resolves with how it ended. */
  readonly end: Promise<string>;
  stop(): Promise<void>;
}

/**
 * The folder of one run of the local stack. A watchdog process holds a pipe to this process: when the pipe
 * closes, also by kill -9, it stops the servers named in `pids` and removes the folder.
 */
export interface RunFolder {
  readonly path: string;
  readonly logs: string;
  /** Each server writes its own file here before it starts; without the folder it does not start. */
  readonly pids: string;
  /** What runs now. */
  readonly running: Set<Running>;
  /** True from the moment that `remove` is called: nothing starts any more. */
  closing: boolean;
  /** Stops what runs, removes the folder and lets the watchdog go. */
  remove(): Promise<void>;
  /** Moves the logs out of the folder, to stay for a person to read; returns where they are now. */
  keepLogs(): Promise<string>;
}

/** @throws Failure `local.no_space`, `local.no_permission`, `local.folder_missing` */
export async function createRunFolder(machine: Machine): Promise<RunFolder> {
  if (!existsSync(machine.tmpFolder))
    throw new Failure(
      'local.folder_missing',
      'stop',
      `the temporary folder ${machine.tmpFolder} does not exist`,
      {
        fix: 'create it, or set TMPDIR to a folder that exists',
      },
    );
  try {
    const path = await mkdtemp(join(machine.tmpFolder, 'millrace-'));
    // A Postgres that runs as another user has to pass through.
    await chmod(path, 0o711);
    const logs = join(path, 'logs');
    const pids = join(path, 'pids');
    await Promise.all([mkdir(logs), mkdir(pids)]);
    return runFolder(machine, path, logs, pids);
  } catch (error) {
    throw asMachineFailure(error, machine.tmpFolder);
  }
}

function runFolder(machine: Machine, path: string, logs: string, pids: string): RunFolder {
  const watchdog = startWatchdog(path);
  const running = new Set<Running>();
  return {
    path,
    logs,
    pids,
    running,
    closing: false,
    async remove() {
      this.closing = true;
      await Promise.all(Array.from(running, (server) => server.stop()));
      await rm(path, { recursive: true, force: true, maxRetries: REMOVE_TRIES });
      if (watchdog.exitCode !== null) return;
      const gone = once(watchdog, 'exit');
      watchdog.ref();
      watchdog.stdin?.end();
      await gone;
    },
    async keepLogs() {
      const kept = await mkdtemp(join(machine.tmpFolder, 'millrace-logs-'));
      await rename(logs, kept);
      return kept;
    },
  };
}

function startWatchdog(path: string): ChildProcess {
  const watchdog = spawn('/bin/sh', [WATCHDOG, path], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.unref();
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  return watchdog;
}
