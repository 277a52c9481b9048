import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type ProcessCost, costOf } from '../source/process-cost.ts';

const MAIN = fileURLToPath(new URL('./processor/main.ts', import.meta.url));

/** What a restore has told when it was done. */
export interface Restore {
  readonly records: number;
  readonly ms: number;
  readonly from: string;
}

/** A processor as a process of its own, to be killed. */
export class BenchProcessor implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #restore: Restore | null = null;

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#exited = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    if (this.#child.stderr !== null)
      createInterface(this.#child.stderr).on('line', (line) => this.#heed(line));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Its last restore; null while there was none, or nothing to read. */
  get restore(): Restore | null {
    return this.#restore;
  }

  /** How it has ended; null while it runs. */
  get end(): string | null {
    const { exitCode, signalCode } = this.#child;
    return signalCode ?? (exitCode === null ? null : `exit code ${exitCode}`);
  }

  get cost(): ProcessCost {
    return costOf(this.pid);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #heed(line: string): void {
    const entry = JSON.parse(line) as { readonly level: string; readonly msg: string };
    if (entry.msg === 'state restored') this.#restore = entry as unknown as Restore;
    else if (entry.level !== 'info') process.stderr.write(`${line}\n`);
  }
}
