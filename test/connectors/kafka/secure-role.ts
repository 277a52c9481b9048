import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SecurePlace } from './secure-kafka.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export const ROLES = [
  'connectors/postgres-source/main.ts',
  'processors/main.ts',
  'connectors/postgres-sink/main.ts',
] as const;

/** A role as a container would start it, told by files and variables how to log in at the listener `saslSsl`. */
export interface SecureRole extends AsyncDisposable {
  readonly process: ChildProcess;
  /** What it has logged so far. */
  log(): string;
  /** Resolves when it has logged this. */
  hasLogged(text: string): Promise<void>;
  /** Resolves with its exit code. */
  exited(): Promise<number | null>;
}

export async function startSecureRole(
  main: (typeof ROLES)[number],
  { kafka, authority }: SecurePlace,
  password: string,
): Promise<SecureRole> {
  const folder = await mkdtemp(join(tmpdir(), 'secure-role-'));
  await writeFile(join(folder, 'ca.pem'), authority.certificate);
  await writeFile(join(folder, 'password'), `${password}\n`);
  const child = spawn(process.execPath, [main], {
    cwd: ROOT,
    env: {
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      KAFKA_BOOTSTRAP_SERVERS: kafka.brokers.saslSsl,
      KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
      KAFKA_SSL_CA_LOCATION: join(folder, 'ca.pem'),
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_SASL_USERNAME: 'alice',
      KAFKA_SASL_PASSWORD_FILE: join(folder, 'password'),
      MILLRACE_SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
      MILLRACE_DATABASE_URL: 'postgres://127.0.0.1:1/none',
      MILLRACE_TABLES: main.includes('sink') ? 'none=public.none' : 'public.none',
      MILLRACE_PIPELINE: 'order-fulfilment',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exit = once(child, 'exit');
  let logged = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    logged += text;
    child.emit('logged');
  });
  return {
    process: child,
    log: () => logged,
    async hasLogged(text) {
      while (!logged.includes(text)) {
        if (child.exitCode !== null) throw new Error(`the role has ended: ${logged}`);
        await Promise.race([once(child, 'logged'), exit]);
      }
    },
    async exited() {
      await exit;
      return child.exitCode;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exit;
      await rm(folder, { recursive: true });
    },
  };
}
