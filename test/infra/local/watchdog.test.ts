import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { isRunning } from './scratch.ts';

const LOCAL = fileURLToPath(new URL('../../../infra/local/', import.meta.url));

/** A parent that starts two servers, one of which ignores polite signals, tells their ids, and stays. */
const PARENT = `
  import { systemClock } from '${LOCAL}../process/clock.ts';
  import { thisMachine } from '${LOCAL}machine.ts';
  import { createRunFolder } from '${LOCAL}run-folder.ts';
  import { startServer } from '${LOCAL}server-process.ts';
  const run = await createRunFolder(thisMachine());
  const start = (name, script, stopSignals) =>
    startServer(run, systemClock, {
      name, command: '/bin/sh', args: ['-c', script], env: process.env, stopSignals,
    });
  const polite = start('polite', 'exec sleep 600', ['SIGQUIT']);
  const stubborn = start('stubborn', 'trap "" QUIT; echo deaf; while :; do sleep 1; done', ['SIGQUIT']);
  while (!stubborn.log().includes('deaf')) await systemClock.sleep(5);
  process.stdout.write(JSON.stringify({ path: run.path, pids: [polite.pid, stubborn.pid] }) + '\\n');
  setInterval(() => undefined, 1000);
`;

test.concurrent.for(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
  'nothing is left behind when %s ends the parent',
  { timeout: 20_000 },
  async (signal, { expect }) => {
    const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const { path, pids } = JSON.parse(line) as { path: string; pids: number[] };
    expect(pids.every(isRunning)).toBe(true);
    parent.kill(signal);
    await once(parent, 'exit');
    await vi.waitFor(
      () => {
        expect(pids.filter(isRunning)).toEqual([]);
        expect(existsSync(path)).toBe(false);
      },
      { timeout: 10_000, interval: 20 },
    );
  },
);

test('the watchdog is plain shell, for machines with nothing else', () => {
  expect(readFileSync(`${LOCAL}watchdog.sh`, 'utf8')).toMatch(/^#!\/bin\/sh\n/);
});
