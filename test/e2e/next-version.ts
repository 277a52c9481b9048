import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { must } from '../../infra/process/assert.ts';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = ['infra', 'schemas', 'connectors', 'processors', 'package.json'];
const AUTHOR = ['-c', 'user.name=millrace', '-c', 'user.email=millrace@localhost'];

export interface Ended {
  readonly code: number;
  /** Standard output, then standard error. */
  readonly text: string;
}

/** A working copy of this repository, as somebody has it who works on the next version. Its commit HEAD is the present one. */
export interface NextVersion extends AsyncDisposable {
  readonly root: string;
  /** Replaces a text that is in the file once. */
  readonly edit: (file: string, from: string, to: string) => Promise<void>;
}

export async function nextVersion(): Promise<NextVersion> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-next-'));
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true });
  try {
    await Promise.all(
      COPIED.map((name) => cp(join(REPOSITORY, name), join(root, name), { recursive: true })),
    );
    await symlink(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
    const git = (...args: readonly string[]) => promisify(execFile)('git', args, { cwd: root });
    await git('init', '--quiet');
    await git('add', 'schemas');
    await git(...AUTHOR, 'commit', '--quiet', '--message', 'the version that runs');
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    root,
    async edit(file, from, to) {
      const parts = (await readFile(join(root, file), 'utf8')).split(from);
      must(parts.length === 2 ? from : undefined, `${file} has "${from}" ${parts.length - 1} times`);
      await writeFile(join(root, file), parts.join(to));
    },
    [Symbol.asyncDispose]: remove,
  };
}

/** Runs a program of a version to its end. */
export function runProgram(
  root: string,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Ended> {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const all = { ...env, ...(PATH && { PATH }), ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }) };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, program), ...args], { env: all }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), text: `${stdout}${stderr}` }),
    );
  });
}
