import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../process/clock.ts';
import { Failure } from '../../process/failure.ts';
import type { Machine } from '../machine.ts';
import type { RunFolder } from '../run-folder.ts';
import { type ServerProcess, startServer } from '../server-process.ts';

const REPOSITORY = new URL('../../../', import.meta.url);

/** How long a role may take from its start until it listens on its HTTP port, milliseconds. */
const LISTEN_MAX_MS = 30_000;
const LISTEN_POLL_MS = 20;
/** How long a role may take to drain after SIGTERM before it is killed, milliseconds. */
const DRAIN_MAX_MS = 15_000;
const LAST_LINES = 15;
const DRAINED = 'exit code 0';

export interface RoleSpec {
  /** For people and for the log file's name: `source`, `order-fulfilment`, `sink`. */
  readonly name: string;
  /** Path of its main module in the repository. */
  readonly main: string;
  /** Its options as MILLRACE_ variables. */
  readonly env: Readonly<Record<string, string>>;
}

/** A source, processor or sink running as a process of its own, under the watchdog of the run. Disposing drains it. */
export class RoleProcess implements AsyncDisposable {
  readonly name: string;
  readonly #server: ServerProcess;
  readonly #clock: Clock;
  /** Where this start's part of the log begins: a role that is started again appends. */
  readonly #logStart: number;

  constructor(spec: RoleSpec, run: RunFolder, machine: Machine) {
    this.name = spec.name;
    this.#clock = machine.clock;
    const logFile = join(run.logs, `${spec.name}.log`);
    this.#logStart = existsSync(logFile) ? statSync(logFile).size : 0;
    const { PATH, NODE_COMPILE_CACHE } = machine.env;
    this.#server = startServer(run, machine.clock, {
      name: spec.name,
      command: process.execPath,
      args: [fileURLToPath(new URL(spec.main, REPOSITORY))],
      env: { PATH, NODE_COMPILE_CACHE, ...spec.env },
      stopSignals: ['SIGTERM'],
    });
  }

  /** Base URL of its health and metrics. @throws Failure `role.not_listening`, `role.exited` with its last log lines */
  async url(): Promise<string> {
    const deadline = this.#clock.now() + LISTEN_MAX_MS;
    for (;;) {
      const port = /"httpPort":(\d+)/.exec(this.#log())?.[1];
      if (port !== undefined) return `http://127.0.0.1:${port}`;
      this.assertRunning();
      if (this.#clock.now() > deadline)
        throw this.#failure('role.not_listening', `does not listen after ${LISTEN_MAX_MS / 1000} s`);
      await this.#clock.sleep(LISTEN_POLL_MS);
    }
  }

  /** The text of /metrics, or null while the role is not there to answer. */
  async metrics(): Promise<string | null> {
    try {
      const reply = await fetch(`${await this.url()}/metrics`);
      return reply.ok ? await reply.text() : null;
    } catch (error) {
      if (error instanceof TypeError) return null;
      throw error;
    }
  }

  /** Ends it as a crash would: no drain, no goodbye. */
  async kill(): Promise<void> {
    process.kill(this.#server.pid, 'SIGKILL');
    await this.#server.end;
  }

  /** SIGTERM, and SIGKILL when it does not drain in time. Resolves with whether it drained. */
  async stop(): Promise<boolean> {
    if (this.#server.ended() === null) {
      const drained = new AbortController();
      process.kill(this.#server.pid, 'SIGTERM');
      await Promise.race([this.#server.end, this.#clock.sleep(DRAIN_MAX_MS, drained.signal)]);
      drained.abort();
      await this.#server.stop();
    }
    return this.#server.ended() === DRAINED;
  }

  /** @throws Failure `role.exited` with its last log lines, when it is not running */
  assertRunning(): void {
    const ended = this.#server.ended();
    if (ended !== null) throw this.#failure('role.exited', `has ended (${ended})`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #log(): string {
    return Buffer.from(this.#server.log()).subarray(this.#logStart).toString();
  }

  #failure(code: string, what: string): Failure {
    const last = this.#log().trimEnd().split('\n').slice(-LAST_LINES).join('\n    ');
    return new Failure(
      code,
      'stop',
      `${this.name} ${what}; its log ${this.#server.logFile} ends with:\n    ${last}`,
    );
  }
}
