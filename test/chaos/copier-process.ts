import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../infra/process/clock.ts';
import { dieWithParent } from '../support/die-with-parent.ts';

const PROGRAM = fileURLToPath(new URL('copier/main.ts', import.meta.url));
/** A copier that has not drained by then hangs. */
const DRAIN_MAX_MS = 90_000;
const RESTART_MS = 500;

export interface CopierSettings {
  readonly kafkaBootstrapServers: string;
  readonly input: string;
  readonly output: string;
  readonly outputPartitions: number;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly isBroken: boolean;
}

/** A copier's place in the job: its process may come and go, its transactional id stays. */
export interface CopierSlot {
  readonly transactionalId: string;
  start(): void;
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** SIGTERM. @returns how it ended, `hangs` when it had to be killed */
  drain(): Promise<string>;
}

export interface SlotOptions {
  readonly number: number;
  readonly seed: number;
  readonly folder: string;
  readonly clock: Clock;
  readonly settings: CopierSettings;
  /** Called when a copier ends without being asked to; it is started again. */
  readonly onEnd: (how: string) => void;
}

export function copierSlot(options: SlotOptions): CopierSlot {
  const { number, folder, clock } = options;
  const transactionalId = `${options.settings.groupId}-${number}`;
  let child: ChildProcess | undefined;
  let incarnation = 0;
  let isWanted = false;
  function start(): void {
    isWanted = true;
    const log = openSync(join(folder, `copier-${number}.log`), 'a');
    const started = spawn(
      process.execPath,
      [PROGRAM, ...argumentsOf(options, transactionalId, incarnation++)],
      {
        stdio: ['ignore', log, log],
      },
    );
    closeSync(log);
    dieWithParent(started);
    child = started;
    started.once('exit', (code, signal) => {
      if (!isWanted || child !== started) return;
      options.onEnd(signal ?? `exit code ${code}`);
      void clock.sleep(RESTART_MS).then(() => isWanted && child === started && start());
    });
  }
  return {
    transactionalId,
    start,
    async kill() {
      isWanted = false;
      await end(child, 'SIGKILL');
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async drain() {
      isWanted = false;
      const timer = new AbortController();
      const ended = end(child, 'SIGTERM');
      const how = await Promise.race([ended, clock.sleep(DRAIN_MAX_MS, timer.signal).then(() => 'hangs')]);
      timer.abort();
      if (how === 'hangs') await end(child, 'SIGKILL');
      return how;
    },
  };
}

function argumentsOf(
  { seed, number, settings }: SlotOptions,
  transactionalId: string,
  run: number,
): string[] {
  const { isBroken, ...rest } = settings;
  const values = { ...rest, transactionalId, seed: seed * 1_000 + run * 10 + number, logLevel: 'debug' };
  const flag = (name: string): string => name.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
  const args = Object.entries(values).map(([name, value]) => `--${flag(name)}=${value}`);
  return isBroken ? [...args, '--broken'] : args;
}

async function end(child: ChildProcess | undefined, signal: 'SIGKILL' | 'SIGTERM'): Promise<string> {
  if (child === undefined) return 'was not started';
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }
  return child.signalCode ?? `exit code ${child.exitCode}`;
}
