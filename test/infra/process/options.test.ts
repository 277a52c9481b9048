import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { Failure } from '../../../infra/process/failure.ts';
import { type OptionSpecs, parseOptions } from '../../../infra/process/options.ts';

const SPECS = {
  kafkaBrokers: { schema: z.string().min(1, 'required'), help: 'brokers', envFallback: 'KAFKA_BROKERS' },
  httpPort: { schema: z.coerce.number().int().default(8080), help: 'port' },
  databaseUrl: { schema: z.string().default('postgres://localhost'), help: 'database', secret: true },
  keep: { schema: z.string().default('false'), help: 'stay up', isSwitch: true },
} as const satisfies OptionSpecs;

function run(argv: readonly string[], env: Record<string, string>): Record<string, unknown> {
  const parsed = parseOptions('demo', SPECS, argv, env);
  if (parsed.kind !== 'run') throw new Error('expected options');
  return parsed.options;
}

test('a flag wins over the environment, the environment over the fallback, the fallback over nothing', () => {
  const env = { MILLRACE_KAFKA_BROKERS: 'env:1', KAFKA_BROKERS: 'fallback:1' };
  expect(run(['--kafka-brokers', 'flag:1'], env)['kafkaBrokers']).toBe('flag:1');
  expect(run([], env)['kafkaBrokers']).toBe('env:1');
  expect(run([], { KAFKA_BROKERS: 'fallback:1' })['kafkaBrokers']).toBe('fallback:1');
});

test('defaults fill in what nobody gave, and text becomes the declared type', () => {
  expect(run([], { KAFKA_BROKERS: 'a:1' })).toMatchObject({ httpPort: 8080, keep: 'false' });
  expect(run(['--http-port=0'], { KAFKA_BROKERS: 'a:1' })['httpPort']).toBe(0);
});

test('a switch needs no value', () => {
  expect(run(['--keep'], { KAFKA_BROKERS: 'a:1' })['keep']).toBe('true');
});

test('every problem is reported at once, each with its flag and its variable', () => {
  try {
    run(['--http-port', 'high'], {});
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    expect((error as Failure).code).toBe('config.invalid');
    expect((error as Failure).message).toContain('2 bad option(s)');
    expect((error as Failure).message).toContain('--kafka-brokers (MILLRACE_KAFKA_BROKERS)');
    expect((error as Failure).message).toContain('--http-port (MILLRACE_HTTP_PORT)');
  }
});

test('an unknown flag is refused', () => {
  expect(() => run(['--kafka-broker', 'x'], {})).toThrow('bad command line');
});

test('a secret may come from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'options-'));
  try {
    writeFileSync(join(folder, 'url'), 'postgres://from-file\n');
    const env = { KAFKA_BROKERS: 'a:1', MILLRACE_DATABASE_URL_FILE: join(folder, 'url') };
    expect(run([], env)['databaseUrl']).toBe('postgres://from-file');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a secret may come from a file by its other name, and a file that is not there is named', () => {
  const specs = {
    password: { schema: z.string(), help: 'secret', secret: true, envFallback: 'KAFKA_PASSWORD' },
  } as const satisfies OptionSpecs;
  const parse = (file: string) => parseOptions('demo', specs, [], { KAFKA_PASSWORD_FILE: file });
  const folder = mkdtempSync(join(tmpdir(), 'options-'));
  try {
    writeFileSync(join(folder, 'password'), 'from-file\n');
    expect(parse(join(folder, 'password'))).toMatchObject({ options: { password: 'from-file' } });
    expect(() => parse(join(folder, 'missing'))).toThrow('KAFKA_PASSWORD_FILE cannot be read');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('help names every option with its variable and hides the default of a secret', () => {
  const parsed = parseOptions('demo', SPECS, ['--help'], {});
  if (parsed.kind !== 'help') throw new Error('expected help');
  expect(parsed.text).toContain('--http-port VALUE');
  expect(parsed.text).toContain('MILLRACE_HTTP_PORT');
  expect(parsed.text).toContain('default 8080');
  expect(parsed.text).toContain('required; env MILLRACE_KAFKA_BROKERS, KAFKA_BROKERS');
  expect(parsed.text).not.toContain('postgres://localhost');
  expect(parsed.text).toContain('--keep\n');
});

test('help says of an option without a default whether it must be given', () => {
  const specs = { url: { schema: z.string().optional(), help: 'a URL' } } as const satisfies OptionSpecs;
  const parsed = parseOptions('demo', specs, ['--help'], {});
  expect(parsed.kind === 'help' && parsed.text).toContain('a URL (optional; env MILLRACE_URL)');
});
