import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inject, onTestFinished } from 'vitest';
import type { SinkFixture } from '../sink-fixture.ts';
import { urlOf } from '../target-database.ts';
import { dieWithParent } from '../../../support/die-with-parent.ts';

const MILLRACE = fileURLToPath(new URL('../../../../infra/cli/millrace.ts', import.meta.url));

/** `millrace rebuild` as a process of its own. */
export interface RebuildProcess {
  readonly child: ChildProcess;
  /** All that it has printed so far. */
  readonly output: () => string;
  readonly ended: Promise<number | string>;
}

/** The administrator's, who owns the sink's own tables. */
export function administratorUrl({ target }: SinkFixture): string {
  return urlOf(target.url, new URL(inject('targetUrl')).username);
}

export function startRebuild(table: string, fixture: SinkFixture, ...more: string[]): RebuildProcess {
  const servers = [
    ['--database-url', administratorUrl(fixture)],
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
