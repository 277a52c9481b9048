import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { connect } from '../../infra/local/demo/databases.ts';
import { dieWithParent } from '../support/die-with-parent.ts';

const MAIN = join(import.meta.dirname, '../../infra/local/demo/main.ts');

/** The demo as a person starts it, against the servers of this test run. */
function startDemo() {
  const env = {
    PATH: process.env['PATH'],
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    MILLRACE_EXTERNAL_KAFKA_BROKERS: inject('kafkaBrokers'),
    MILLRACE_EXTERNAL_REGISTRY_URL: inject('registryUrl'),
    MILLRACE_EXTERNAL_SOURCE_URL: inject('sourceUrl'),
    MILLRACE_EXTERNAL_TARGET_URL: inject('targetUrl'),
  };
  const child = spawn(process.execPath, [MAIN, '--infra', 'external'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  dieWithParent(child);
  let text = '';
  const seen = new Map<string, () => void>();
  const onText = (chunk: Buffer): void => {
    text += chunk.toString();
    for (const [phrase, resolve] of seen) if (text.includes(phrase)) resolve();
  };
  child.stdout.on('data', onText);
  child.stderr.on('data', onText);
  const exited = once(child, 'exit');
  return {
    child,
    exited: exited.then(() => ({ code: child.exitCode, text })),
    async says(phrase: string): Promise<void> {
      const said = new Promise<void>((resolve) => seen.set(phrase, resolve));
      if (text.includes(phrase)) return;
      await Promise.race([said, exited]);
      expect(text).toContain(phrase);
    },
  };
}

async function databasesOf(pid: number | undefined): Promise<readonly string[]> {
  const client = await connect(inject('sourceUrl'));
  try {
    const pattern = `superstore\\_${pid}\\_%`;
    const { rows } = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE datname LIKE $1',
      [pattern],
    );
    return rows.map((row) => row.datname);
  } finally {
    await client.end();
  }
}

test('the demo shows joined rows and ends with 0 mismatches and exit code 0', async () => {
  const demo = startDemo();
  const { code, text } = await demo.exited;
  expect(text).toContain('first joined row in the target');
  expect(text).toMatch(/order_fulfilment: 5009 rows, 0 mismatches/);
  expect(text).toMatch(/customer_revenue: 793 rows, 0 mismatches/);
  expect(code).toBe(0);
}, 120_000);

test('Ctrl-C in the middle of the load leaves no database and no role behind', async () => {
  const demo = startDemo();
  await demo.says('live:');
  expect(await databasesOf(demo.child.pid)).toHaveLength(2);
  demo.child.kill('SIGINT');
  const { code } = await demo.exited;
  expect(code).toBe(130);
  expect(await databasesOf(demo.child.pid)).toEqual([]);
}, 120_000);
