import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thisMachine } from '../../../infra/local/machine.ts';
import type { Machine } from '../../../infra/local/machine.ts';

/** A folder of the test's own; `using` removes it. */
export function scratchFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** This machine with nothing in its PATH but `folder`, and its own cache and packages there. */
export function bareMachine(folder: string, env: Record<string, string> = {}): Machine {
  return {
    ...thisMachine(),
    env: { PATH: folder, ...env },
    tmpFolder: folder,
    cacheFolder: join(folder, 'cache'),
    modulesFolder: join(folder, 'node_modules'),
  };
}

/** A shell program. */
export function writeProgram(file: string, lines: string): void {
  writeFileSync(file, `#!/bin/sh\n${lines}\n`);
  chmodSync(file, 0o755);
}

/** False also for a process that has ended and that its parent has not asked for yet. */
export function isRunning(pid: number): boolean {
  const { stdout, status } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return status === 0 && !stdout.startsWith('Z');
}
