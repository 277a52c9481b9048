import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { scratchFolder } from './scratch.ts';

const LOCAL = fileURLToPath(new URL('../../../infra/local/', import.meta.url));
const lockFile = (version: string): string =>
  JSON.stringify({
    packages: {
      '': { name: 'project' },
      'node_modules/a': { version, integrity: `sha512-${version}` },
      'node_modules/b-darwin': { version, integrity: 'x', optional: true },
    },
  });

/** A project whose npm notes its calls and does what `npm` says; it is told where by npm_execpath, as under npm. */
function writeProject(folder: string, npm: string): void {
  mkdirSync(join(folder, 'infra', 'local'), { recursive: true });
  for (const file of ['install.mjs', 'pid-lock.mjs'])
    cpSync(join(LOCAL, file), join(folder, 'infra', 'local', file));
  writeFileSync(join(folder, 'package-lock.json'), lockFile('1.0.0'));
  const note = `require('node:fs').appendFileSync('calls', process.argv.slice(2).join(' ') + '\\n');`;
  writeFileSync(join(folder, 'npm.cjs'), `${note}\n${npm}`);
}

const NPM_CI = `
  const { mkdirSync, rmSync } = require('node:fs');
  rmSync('node_modules', { recursive: true, force: true });
  mkdirSync('node_modules');`;

async function install(folder: string): Promise<{ readonly code: number; readonly text: string }> {
  const child = spawn(process.execPath, [join(folder, 'infra', 'local', 'install.mjs')], {
    env: { ...process.env, npm_execpath: join(folder, 'npm.cjs') },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, text };
}

const callsOf = (folder: string): string => {
  const calls = join(folder, 'calls');
  return existsSync(calls) ? readFileSync(calls, 'utf8') : '';
};

test('packages are installed once, and again when the lock file changes', async () => {
  using folder = scratchFolder();
  writeProject(folder.path, NPM_CI);
  expect(await install(folder.path)).toMatchObject({ code: 0, text: expect.stringContaining('npm ci') });
  expect(await install(folder.path)).toEqual({ code: 0, text: '' });
  expect(callsOf(folder.path)).toBe('ci\n');
  writeFileSync(join(folder.path, 'package-lock.json'), lockFile('1.0.1'));
  await install(folder.path);
  expect(callsOf(folder.path)).toBe('ci\nci\n');
});

test('packages that somebody installed by hand are left as they are', async () => {
  using folder = scratchFolder();
  writeProject(folder.path, NPM_CI);
  mkdirSync(join(folder.path, 'node_modules'));
  const there = { packages: { 'node_modules/a': { integrity: 'sha512-1.0.0' } } };
  writeFileSync(join(folder.path, 'node_modules', '.package-lock.json'), JSON.stringify(there));
  expect(await install(folder.path)).toEqual({ code: 0, text: '' });
  expect(callsOf(folder.path)).toBe('');
});

test('two installs at once in one folder run npm once', async () => {
  using folder = scratchFolder();
  writeProject(folder.path, `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);${NPM_CI}`);
  const results = await Promise.all([install(folder.path), install(folder.path)]);
  expect(results.map(({ code }) => code)).toEqual([0, 0]);
  expect(callsOf(folder.path)).toBe('ci\n');
  expect(results.map(({ text }) => text).join('')).toContain('waiting for process');
});

test.each([
  ['npm error code ENOSPC', /no space left on the disk; free some/],
  ['npm error code EACCES', /no permission to write; see who owns/],
  ['npm error code ECONNREFUSED', /the npm registry does not answer; see the network/],
  ['npm error code E403', /the npm registry refused a package; see npm config get registry/],
  ['npm error code EUSAGE', /package-lock.json does not fit package.json; run npm install/],
  ['npm error something new', /failed:\nnpm error something new/],
])('%s is one clear line with what to do', async (said, line) => {
  using folder = scratchFolder();
  writeProject(folder.path, `console.error(${JSON.stringify(said)}); process.exitCode = 1;`);
  expect(await install(folder.path)).toEqual({ code: 1, text: expect.stringMatching(line) });
  expect(existsSync(join(folder.path, '.cache', 'install.lock'))).toBe(false);
});
