import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createRunFolder } from '../../../infra/local/run-folder.ts';
import type { RunFolder } from '../../../infra/local/run-folder.ts';
import { runProgram, startServer, untilReady } from '../../../infra/local/server-process.ts';
import type { ServerCommand } from '../../../infra/local/server-process.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { thisMachine } from '../../../infra/local/machine.ts';

const PATH = process.env['PATH'];

async function ownRun(): Promise<RunFolder> {
  const run = await createRunFolder(thisMachine());
  onTestFinished(() => run.remove());
  return run;
}

/** A server that is a shell script. */
function script(lines: string, stopSignals: readonly NodeJS.Signals[] = ['SIGKILL']): ServerCommand {
  return { name: 'toy', command: '/bin/sh', args: ['-c', lines], env: { PATH }, stopSignals };
}

const notYet = (): Promise<boolean> => Promise.resolve(false);

test('a server that ends while starting is noticed at once, with its log and its last lines', async () => {
  const run = await ownRun();
  const server = startServer(run, systemClock, script('echo cannot find my config; exit 3'));
  await expect(untilReady(server, systemClock, notYet)).rejects.toMatchObject({
    code: 'local.server_ended',
    message: expect.stringMatching(
      /toy ended while starting \(exit code 3\).*toy\.log[^]*cannot find my config/,
    ),
  });
});

test('a server whose port was taken says so', async () => {
  const run = await ownRun();
  const server = startServer(
    run,
    systemClock,
    script('echo "could not bind: Address already in use"; exit 1'),
  );
  await expect(untilReady(server, systemClock, notYet)).rejects.toMatchObject({ code: 'local.port_taken' });
});

test('a server that found the disk full says so', async () => {
  const run = await ownRun();
  const server = startServer(run, systemClock, script('echo "write: No space left on device"; exit 1'));
  await expect(untilReady(server, systemClock, notYet)).rejects.toMatchObject({ code: 'local.no_space' });
});

test('a server that never answers is stopped after the bound, and the last refusal is the cause', async () => {
  const run = await ownRun();
  const server = startServer(run, systemClock, script('echo thinking; exec sleep 600'));
  const probe = (): Promise<boolean> => Promise.reject(new Error('connection refused'));
  await expect(untilReady(server, systemClock, probe, 200)).rejects.toMatchObject({
    code: 'local.server_slow',
    message: expect.stringMatching(/within 0\.2 s[^]*thinking/),
    cause: expect.objectContaining({ message: 'connection refused' }),
  });
  expect(server.ended()).toBe('SIGKILL');
});

test('a command that does not exist is an end, not a wait', async () => {
  const run = await ownRun();
  const server = startServer(run, systemClock, { ...script(''), command: '/no/such/program' });
  await expect(untilReady(server, systemClock, notYet)).rejects.toMatchObject({ code: 'local.server_ended' });
});

test('a program is run to its end and its output kept', async () => {
  const run = await ownRun();
  expect(await runProgram(run, systemClock, script('echo made'))).toBe('made\n');
  const failing = runProgram(run, systemClock, { ...script('echo no luck; exit 1'), name: 'failing' });
  await expect(failing).rejects.toMatchObject({
    code: 'local.program_failed',
    message: expect.stringContaining('no luck'),
  });
});

test('a run that is removed leaves no process and no folder', async () => {
  const run = await createRunFolder(thisMachine());
  const server = startServer(run, systemClock, script('exec sleep 600'));
  expect(server.ended()).toBeNull();
  await run.remove();
  expect(server.ended()).toBe('SIGKILL');
  expect(existsSync(run.path)).toBe(false);
});

test('nothing starts in a run that is being removed', async () => {
  const run = await createRunFolder(thisMachine());
  await run.remove();
  expect(() => startServer(run, systemClock, script('true'))).toThrow('toy is not started');
});

test('a server that stops by itself takes its process id out of the watchdog list', async () => {
  const run = await ownRun();
  const server = startServer(run, systemClock, script('true'));
  await server.end;
  expect(readdirSync(run.pids)).toEqual([]);
});

test('kept logs stay when the run is gone', async () => {
  const run = await createRunFolder(thisMachine());
  const server = startServer(run, systemClock, script('echo last words'));
  await server.end;
  const kept = await run.keepLogs();
  onTestFinished(() => rmSync(kept, { recursive: true }));
  await run.remove();
  expect(readdirSync(kept)).toEqual(['toy.log']);
  expect(existsSync(join(run.path, 'logs'))).toBe(false);
});
