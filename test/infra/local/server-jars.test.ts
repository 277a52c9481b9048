import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  DownloadProgress,
  fetchServers,
  isComplete,
  serversFolder,
} from '../../../infra/local/server-jars.ts';
import type { Machine } from '../../../infra/local/machine.ts';
import { bareMachine, scratchFolder, writeProgram } from './scratch.ts';

const quiet = (): void => undefined;

/** A `mvn` that "downloads" two files, one call a line in `calls`. */
function machineWithMaven(folder: string, lines: string): Machine {
  const programs = join(folder, 'bin');
  mkdirSync(programs);
  const find = 'for arg; do case "$arg" in -Dservers.folder=*) dir=${arg#*=} ;; esac; done';
  writeProgram(join(programs, 'mvn'), `echo call >>"${folder}/calls"\n${find}\n${lines}`);
  return bareMachine(folder, { PATH: `${programs}:${process.env['PATH']}` });
}

const DOWNLOAD =
  'mkdir -p "$dir/kafka" "$dir/registry"; echo jar >"$dir/kafka/a.jar"; echo run >"$dir/registry/b.jar"';
const callsIn = (folder: string): number =>
  readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n').length;

test('the jars are fetched once', async () => {
  using folder = scratchFolder();
  const machine = machineWithMaven(folder.path, DOWNLOAD);
  const jars = await fetchServers(machine, quiet);
  expect(await fetchServers(machine, quiet)).toBe(jars);
  expect(readdirSync(jars).toSorted()).toEqual(['complete.json', 'kafka', 'registry']);
  expect(callsIn(folder.path)).toBe(1);
});

test('two runs at once fetch once, and the one that comes second says what it waits for', async () => {
  using folder = scratchFolder();
  const machine = machineWithMaven(folder.path, `sleep 0.3; ${DOWNLOAD}`);
  // Either may be the first at the lock.
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  await Promise.all([fetchServers(machine, say), fetchServers(machine, say)]);
  expect(callsIn(folder.path)).toBe(1);
  expect(lines.filter((line) => line.startsWith('waiting for process'))).toHaveLength(1);
});

test.each([
  ['missing', (jar: string): void => rmSync(jar)],
  ['cut short', (jar: string): void => truncateSync(jar, 1)],
])('a jar that is %s is fetched again', async (_, harm) => {
  using folder = scratchFolder();
  const machine = machineWithMaven(folder.path, DOWNLOAD);
  const jars = await fetchServers(machine, quiet);
  harm(join(jars, 'kafka', 'a.jar'));
  expect(await isComplete(jars)).toBe(false);
  await fetchServers(machine, quiet);
  expect(await isComplete(jars)).toBe(true);
  expect(callsIn(folder.path)).toBe(2);
});

test('a refused download leaves nothing half-done and quotes Maven', async () => {
  using folder = scratchFolder();
  const machine = machineWithMaven(folder.path, `${DOWNLOAD}; echo "[ERROR] Unknown host central"; exit 1`);
  await expect(fetchServers(machine, quiet)).rejects.toMatchObject({
    code: 'local.download_failed',
    message: expect.stringContaining('Unknown host central'),
    fix: expect.stringContaining('settings.xml'),
  });
  expect(readdirSync(machine.cacheFolder)).toEqual([]);
});

test('a disk that fills up while downloading is named as that', async () => {
  using folder = scratchFolder();
  const machine = machineWithMaven(folder.path, 'echo "[ERROR] No space left on device"; exit 1');
  await expect(fetchServers(machine, quiet)).rejects.toMatchObject({ code: 'local.no_space' });
});

test('what a download left half-done is not taken for the jars', async () => {
  using folder = scratchFolder();
  const machine = machineWithMaven(folder.path, DOWNLOAD);
  const jars = await serversFolder(machine);
  mkdirSync(join(jars, 'kafka'), { recursive: true });
  writeFileSync(join(jars, 'kafka', 'a.jar'), 'half');
  expect(await isComplete(jars)).toBe(false);
  await fetchServers(machine, quiet);
  expect(readFileSync(join(jars, 'kafka', 'a.jar'), 'utf8')).toBe('jar\n');
  expect(existsSync(`${jars}.lock`)).toBe(false);
});

test("Maven's lines are summed up", () => {
  const progress = new DownloadProgress();
  progress.read('[INFO] Downloading from central: https://example.org/a.jar');
  progress.read('Progress (1): 3/10 kB');
  progress.read('[INFO] Downloaded from central: https://example.org/a.jar (10 MB at 3.1 MB/s)');
  progress.read('[INFO] Downloaded from central: https://example.org/a.pom (500 kB at 3.1 MB/s)');
  expect(progress.summary()).toBe('2 files, 11 MB');
});
