import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

// Tests import modules by other means than Node does: a name that only they can find shows here.
test.each(['test/chaos/main.ts', 'test/bench/main.ts'])('%s starts', async (program) => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, '--help'], { cwd: ROOT });
  expect(stdout + stderr).toContain('usage: npm run');
});
