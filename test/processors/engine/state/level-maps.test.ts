import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('./mapping/main.ts', import.meta.url));
const SHARED_MEMORY = '/dev/shm';
let folder = '';

beforeEach(async () => {
  // A thousand tables wait for the disk a thousand times, where there is one.
  folder = await mkdtemp(join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), 'millrace-maps-'));
});

afterEach(() => rm(folder, { recursive: true }));

test.runIf(process.platform === 'linux')(
  'tables of state are read without maps, from the first start on',
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, folder]);
    expect(stdout.trim().split('\n')).toEqual([
      'none: value, mapped',
      'made: value, not mapped',
      'found: value, not mapped',
    ]);
  },
);
