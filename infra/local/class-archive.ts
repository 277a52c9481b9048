import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ClassArchive, JavaRuntime } from './java.ts';
import type { ServerProcess } from './server-process.ts';

/**
 * The archive of classes, parsed and laid out, that a virtual machine starts from in half the time
 * (application class-data sharing). It belongs to one server and one virtual machine, which ignores an unfit one.
 */
function archiveFile(runtime: JavaRuntime, server: string): string {
  return join(runtime.serversFolder, 'classes', `${server}-${runtime.id}.jsa`);
}

/** @returns how to use the archive, or undefined where there is none */
export function readArchive(runtime: JavaRuntime, server: string): ClassArchive | undefined {
  const file = archiveFile(runtime, server);
  return existsSync(file) ? { mode: 'read', file } : undefined;
}

/**
 * Makes the archive by a trial run of the server, which writes it when it ends in order.
 * @param start starts the server with the given archive mode
 * @param trialFile where the trial writes; removed with the run's folder if it does not come to its end
 */
export async function makeArchive(
  runtime: JavaRuntime,
  server: string,
  trialFile: string,
  start: (archive: ClassArchive) => Promise<ServerProcess>,
): Promise<void> {
  const trial = await start({ mode: 'write', file: trialFile });
  process.kill(trial.pid, 'SIGTERM');
  await trial.end;
  if (!existsSync(trialFile)) return;
  const file = archiveFile(runtime, server);
  await mkdir(dirname(file), { recursive: true });
  const copy = `${file}-${randomUUID()}`;
  await copyFile(trialFile, copy);
  await rename(copy, file);
}
