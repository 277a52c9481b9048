import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 100;
const WAIT_MAX_MS = 15 * 60_000;
/** Taking over is a matter of microseconds: a claim as old as this has no owner any more. */
const CLAIM_MAX_MS = 10_000;

/**
 * Takes the lock `file`, which holds its owner's process id; a lock whose owner is gone is taken over.
 * Plain JavaScript, since it also runs before a Node that reads TypeScript is installed.
 * @param {string} file
 * @param {(owner: number) => void} onWait called once when another process holds the lock
 * @returns {Promise<() => void>} releases the lock
 */
export async function takePidLock(file, onWait) {
  mkdirSync(dirname(file), { recursive: true });
  const deadline = Date.now() + WAIT_MAX_MS;
  for (let waited = false; ;) {
    if (createWithPid(file)) return () => rmSync(file, { force: true });
    const owner = ownerOf(file);
    if (owner !== null && isAlive(owner)) {
      if (!waited) onWait(owner);
      waited = true;
    } else if (owner !== null) {
      takeAway(file, owner);
    }
    if (Date.now() > deadline)
      throw new Error(`process ${owner} has held ${file} for too long; end it, or remove that file`);
    await sleep(POLL_MS);
  }
}

function createWithPid(file) {
  try {
    const fd = openSync(file, 'wx');
    writeSync(fd, String(process.pid));
    closeSync(fd);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Null when the lock is free again; 0, which is nobody, when the owner died before it wrote its id. */
function ownerOf(file) {
  try {
    const text = readFileSync(file, 'utf8');
    if (text === '' && ageMs(file) < CLAIM_MAX_MS) return null;
    return Number(text);
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Two processes may find the same dead owner: the claim lets one of them remove the lock, and only that owner's. */
function takeAway(file, owner) {
  const claim = `${file}.claim`;
  if (!createWithPid(claim)) {
    if (ageMs(claim) > CLAIM_MAX_MS) rmSync(claim, { force: true });
    return;
  }
  try {
    if (ownerOf(file) === owner) rmSync(file, { force: true });
  } finally {
    rmSync(claim, { force: true });
  }
}

function ageMs(file) {
  try {
    return Date.now() - statSync(file).mtimeMs;
  } catch (error) {
    if (error.code === 'ENOENT') return 0;
    throw error;
  }
}

function isAlive(pid) {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
