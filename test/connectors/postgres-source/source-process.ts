import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inject, onTestFinished } from 'vitest';
import type { SourceDatabase } from './source-database.ts';
import { dieWithParent } from '../../support/die-with-parent.ts';

const MAIN = fileURLToPath(new URL('../../../connectors/postgres-source/main.ts', import.meta.url));

/** The source's container entry as a process of its own. */
export interface SourceProcess extends AsyncDisposable {
  /** Resolves with the first log line whose message contains `text`. */
  readonly logged: (text: string) => Promise<string>;
  /** Sends a signal and gives the exit code, or the signal that ended it. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | string>;
  readonly exited: Promise<number | string>;
  /** A path of its HTTP server. */
  readonly get: (path: string) => Promise<{ readonly status: number; readonly body: string }>;
  readonly log: () => string;
}

/** For a flag without a value. */
export const SWITCH = '(switch)';

/** Where the sources of a test keep large values, from one to the next. */
export function stateDirOf({ name }: Pick<SourceDatabase, 'name'>): string {
  return join(tmpdir(), `millrace-${name}`);
}

/** Starts the source of `database`; `flags` come on top of the usual ones. */
export function startSource(
  database: Pick<SourceDatabase, 'name' | 'url'>,
  flags: Readonly<Record<string, string>> = {},
): SourceProcess {
  const all = {
    'database-url': database.url,
    'kafka-bootstrap-servers': inject('kafkaBrokers'),
    'schema-registry-url': inject('registryUrl'),
    'topic-prefix': database.name,
    'slot-name': database.name,
    'state-dir': stateDirOf(database),
    ...flags,
  };
  const args = Object.entries(all).flatMap(([flag, value]) =>
    value === SWITCH ? [`--${flag}`] : [`--${flag}`, value],
  );
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  dieWithParent(child);
  // A test that times out does not dispose what it holds.
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await rm(stateDirOf(database), { recursive: true, force: true });
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    for (const look of waiting) look();
  });
  const logged = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const line = lines.find((candidate) => candidate.includes(text));
        if (line === undefined) return;
        waiting.delete(look);
        resolve(line);
      };
      waiting.add(look);
      look();
      void exited.then(() =>
        reject(new Error(`the source ended before it said "${text}":\n${lines.join('\n')}`)),
      );
    });
  const end = (signal: NodeJS.Signals): Promise<number | string> => {
    child.kill(signal);
    return exited;
  };
  return {
    logged,
    end,
    exited,
    async get(path) {
      const port = /"httpPort":(\d+)/.exec(await logged('"httpPort"'))?.[1];
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: response.status, body: await response.text() };
    },
    log: () => lines.join('\n'),
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL');
    },
  };
}
