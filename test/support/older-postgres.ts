import type { TestProject } from 'vitest/node';
import { thisMachine } from '../../infra/local/machine.ts';
import { fetchPostgres, isPostgresMajor } from '../../infra/local/postgres-releases.ts';
import { startPostgres } from '../../infra/local/postgres-server.ts';
import { createRunFolder } from '../../infra/local/run-folder.ts';
import type {} from './global-stack.ts';

/** The project `postgres-15` has its source databases on a Postgres 15, and so on; Kafka and registry are those of all. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const major = Number(/\d+$/.exec(project.name)?.[0]);
  if (!isPostgresMajor(major)) throw new Error(`no Postgres is pinned for the project ${project.name}`);
  const onProgress = (line: string): void => void process.stderr.write(`${line}\n`);
  const machine = thisMachine();
  const binaries = await fetchPostgres(machine, major, onProgress);
  const run = await createRunFolder(machine);
  try {
    project.provide('sourceUrl', await startPostgres(machine, run, binaries));
    project.provide('sourceMajor', major);
    onProgress(`postgres ${major} ready`);
  } catch (error) {
    await run.remove();
    throw error;
  }
  return () => run.remove();
}
