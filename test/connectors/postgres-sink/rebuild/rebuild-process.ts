import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inject, onTestFinished } from 'vitest';
import { dieWithParent } from '../../../support/die-with-parent.ts';

const MILLRACE = fileURLToPath(new URL('../../../../infra/cli/millrace.ts', import.meta.url));

/** `millrace rebuild` as a process of its own. */
export interface RebuildProcess {
  readonly child: ChildProcess;
  /** All that it has printed so far. */
  readonly output: () => string;
  readonly ended: Promise<number | string>;
}

export function startRebuild(table: string, databaseUrl: string, ...more: string[]): RebuildProcess {
  const servers = [
    ['--database-url', databaseUrl],
    ['--kafka-bootstrap-servers', inject('kafkaBrokers')],
    ['--schema-registry-url', inject('registryUrl')],
  ].flat();
  const child = spawn(process.execPath, [MILLRACE, 'rebuild', table, ...servers, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  dieWithParent(child);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = (once(child, 'close') as Promise<[number | null, string | null]>).then(
    ([code, by]) => code ?? by ?? 'unknown',
  );
  return { child, output: () => output, ended };
}
