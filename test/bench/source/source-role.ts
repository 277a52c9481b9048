import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { dieWithParent } from '../../support/die-with-parent.ts';
import type { BenchDatabase } from './bench-database.ts';
import type { BenchPlace } from './bench-place.ts';
import { FINISH, ORDERS } from './orders-table.ts';

const MAIN = fileURLToPath(new URL('../../../connectors/postgres-source/main.ts', import.meta.url));
const LINES_KEPT = 40;

/** The source as an operator runs it: a process of its own. */
export interface SourceRole {
  readonly pid: number;
  /** Rejects when the process ends before. */
  readonly logged: (text: string) => Promise<void>;
  /** Resolves with its last lines when it has ended. */
  readonly ended: Promise<string>;
  /** SIGTERM, and its end. */
  readonly stop: () => Promise<void>;
}

export interface RoleNames {
  readonly slot: string;
  readonly prefix: string;
}

export function startSourceRole(
  { stack, cleanup }: BenchPlace,
  { url }: BenchDatabase,
  { slot, prefix }: RoleNames,
  flags: Readonly<Record<string, string>>,
): SourceRole {
  const all = {
    'database-url': url,
    'kafka-bootstrap-servers': stack.kafkaBrokers,
    'schema-registry-url': stack.registryUrl,
    'topic-prefix': prefix,
    'slot-name': slot,
    tables: `${ORDERS},${FINISH}`,
    ...flags,
  };
  const argv = Object.entries(all).flatMap(([flag, value]) => [`--${flag}`, value]);
  const child = spawn(process.execPath, [MAIN, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
  dieWithParent(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines: string[] = [];
  const waiting = new Set<(line: string) => void>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
    for (const look of waiting) look(line);
  });
  const stop = (): Promise<void> => {
    child.kill('SIGTERM');
    return exited;
  };
  cleanup.defer(stop);
  return {
    pid: child.pid ?? -1,
    logged: (text) =>
      new Promise((resolve, reject) => {
        const look = (line: string): void => {
          if (!line.includes(text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        for (const line of lines) look(line);
        void exited.then(() => reject(new Error(`the source ended:\n${lines.join('\n')}`)));
      }),
    ended: exited.then(() => lines.join('\n')),
    stop,
  };
}
