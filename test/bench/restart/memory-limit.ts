import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MEMORY_GROUPS = '/sys/fs/cgroup/memory';

/** A memory cgroup (version 1, as root): processes and the files that they read and write share its bytes. */
export class MemoryLimit implements Disposable {
  readonly #path: string;

  constructor(mib: number) {
    this.#path = join(MEMORY_GROUPS, `millrace-bench-${process.pid}`);
    mkdirSync(this.#path);
    writeFileSync(join(this.#path, 'memory.limit_in_bytes'), String(mib * 1024 * 1024));
  }

  add(pid: number): void {
    writeFileSync(join(this.#path, 'cgroup.procs'), String(pid));
  }

  /** To be called when its processes have ended. */
  [Symbol.dispose](): void {
    rmdirSync(this.#path);
  }
}
