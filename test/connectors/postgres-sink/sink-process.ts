import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { dieWithParent } from '../../support/die-with-parent.ts';

const MAIN = fileURLToPath(new URL('../../../connectors/postgres-sink/main.ts', import.meta.url));

/** The sink's container entry as a process of its own. */
export interface SinkProcess {
  readonly child: ChildProcess;
  /** The base URL of its HTTP server, once it listens. */
  readonly url: Promise<string>;
  /** Ends it and gives its exit code, or the signal that ended it. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | string>;
  /** What it logged, lines of JSON. */
  readonly log: () => readonly string[];
}

export function startSinkProcess(flags: Readonly<Record<string, string>>): SinkProcess {
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  dieWithParent(child);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const lines: string[] = [];
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const url = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      const port = /"httpPort":(\d+)/.exec(line)?.[1];
      if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
    });
    exited.then(
      () => reject(new Error(`the sink ended before it listened:\n${lines.join('\n')}`)),
      (error: unknown) => reject(error instanceof Error ? error : new Error(String(error))),
    );
  });
  url.catch(() => undefined);
  return {
    child,
    url,
    async end(signal) {
      child.kill(signal);
      const [code, by] = await exited;
      return code ?? by ?? 'unknown';
    },
    log: () => lines,
  };
}
