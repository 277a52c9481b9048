import { lastingPorts, onFreePorts } from '../../../infra/local/free-ports.ts';
import type { Machine } from '../../../infra/local/machine.ts';
import type { PostgresBinaries } from '../../../infra/local/postgres-binaries.ts';
import { initPostgres, postgresUrl, servePostgres } from '../../../infra/local/postgres-server.ts';
import type { RunFolder } from '../../../infra/local/run-folder.ts';

/** A shutdown waits until walsenders have sent all, and a reader may be frozen. */
const STOP_MAX_MS = 5_000;

/** A Postgres whose data and address stay the same from start to start. */
export interface RestartablePostgres {
  /** The superuser's, of the database `postgres`. */
  readonly url: string;
  /** Ends it; resolves when it is gone. `SIGQUIT` is a crash: it recovers at the next start. */
  stop(signal: 'SIGINT' | 'SIGQUIT'): Promise<void>;
  /** Starts it again; resolves when it serves. */
  start(): Promise<void>;
}

/** Starts it on a port that stays free while it is down. `settings` go into its configuration. */
export async function startRestartablePostgres(
  machine: Machine,
  run: RunFolder,
  binaries: PostgresBinaries,
  settings: Readonly<Record<string, string>>,
): Promise<RestartablePostgres> {
  const place = await initPostgres(machine, run, binaries, settings);
  const serve = async ([port = 0]: readonly number[]): Promise<RestartablePostgres> => {
    let server = await servePostgres(machine, run, place, port);
    return {
      url: postgresUrl(port),
      async stop(signal) {
        process.kill(server.pid, signal);
        const timer = new AbortController();
        await Promise.race([server.end, machine.clock.sleep(STOP_MAX_MS, timer.signal)]);
        timer.abort();
        await server.stop();
      },
      async start() {
        server = await servePostgres(machine, run, place, port);
      },
    };
  };
  return onFreePorts(1, serve, lastingPorts);
}
