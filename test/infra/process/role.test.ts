import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A role's main module as a container would start it. */
async function start(main: string, args: readonly string[]) {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: ROOT,
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: child.exitCode, stdout, stderr };
}

const MAINS = [
  'connectors/postgres-source/main.ts',
  'processors/main.ts',
  'connectors/postgres-sink/main.ts',
] as const;

test.each(MAINS)('%s prints its options on --help and does nothing else', async (main) => {
  const { code, stdout, stderr } = await start(main, ['--help']);
  expect(code).toBe(0);
  expect(stderr).toBe('');
  expect(stdout).toContain(`usage: node ${main} [options]`);
  expect(stdout).toContain('MILLRACE_KAFKA_BOOTSTRAP_SERVERS, KAFKA_BOOTSTRAP_SERVERS');
});

test.each(MAINS)('%s says in plain text which options are missing, and exits with 2', async (main) => {
  const { code, stdout, stderr } = await start(main, []);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(
    '--kafka-bootstrap-servers (MILLRACE_KAFKA_BOOTSTRAP_SERVERS): a value is required',
  );
  expect(stderr).toContain(`fix: see node ${main} --help`);
  expect(stderr).not.toContain('    at ');
});

test.each(MAINS)('%s refuses half a login to Kafka in plain text, and exits with 2', async (main) => {
  const needed = ['--kafka-bootstrap-servers', 'kafka:9092', '--schema-registry-url', 'http://registry'];
  const own = main.startsWith('processors')
    ? ['--pipeline', 'order-fulfilment']
    : ['--database-url', 'postgres://db', '--tables', main.includes('sink') ? 'a=b.c' : 'b.c'];
  const half = ['--kafka-security-protocol', 'SASL_SSL', '--kafka-sasl-username', 'alice'];
  const { code, stderr } = await start(main, [...needed, ...own, ...half]);
  expect(code).toBe(2);
  expect(stderr).toContain('--kafka-sasl-mechanism (MILLRACE_KAFKA_SASL_MECHANISM): is needed with SASL_SSL');
  expect(stderr).not.toContain('    at ');
});

test('a pipeline that does not exist is answered with those that do', async () => {
  const { code, stderr } = await start('processors/describe.ts', ['--pipeline', 'orders']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/no pipeline "orders"; there are order-fulfilment, .*customer-revenue/);
});
