import { must } from '../../../infra/process/assert.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { findJava } from '../../../infra/local/java.ts';
import type { KafkaCluster } from '../../../infra/local/kafka-cluster.ts';
import { clusterOfProcesses } from '../../../infra/local/kafka-cluster-processes.ts';
import { thisMachine } from '../../../infra/local/machine.ts';
import { findPostgres } from '../../../infra/local/postgres-binaries.ts';
import { startRegistry } from '../../../infra/local/registry-server.ts';
import { createRunFolder } from '../../../infra/local/run-folder.ts';
import { fetchServers } from '../../../infra/local/server-jars.ts';
import { type PostgresRelay, openPostgresRelay } from '../../connectors/postgres-source/postgres-relay.ts';
import { hasKcat } from '../../support/kcat.ts';
import { type RestartablePostgres, startRestartablePostgres } from './restartable-postgres.ts';
import { SENDER_TIMEOUT_MS } from './source-faults.ts';

/** So long nothing is compacted: the reader at the end has to see every record. */
const UNCOMPACTED_MS = 86_400_000;

/** Servers of the scenario's own, which it may break. */
export interface SourceServers extends AsyncDisposable {
  readonly cluster: KafkaCluster;
  readonly postgres: RestartablePostgres;
  /** The source's way to Postgres. */
  readonly relay: PostgresRelay;
  readonly registry: { readonly url: string; freeze(): void; thaw(): void };
  /** Saves the servers' logs; returns their folders. */
  keepLogs(): Promise<string>;
}

/**
 * @param postgresSettings beside those of the scenario
 * @throws Failure `local.unavailable` on a machine without Java, Postgres or kcat
 */
export async function startSourceServers(
  onProgress: (line: string) => void,
  postgresSettings: Readonly<Record<string, string>> = {},
): Promise<SourceServers> {
  const machine = thisMachine();
  const java = await findJava(machine);
  const binaries = await findPostgres(machine);
  if ('problem' in java) throw unavailable(java.problem);
  if (binaries === null) throw unavailable('no Postgres found');
  if (!hasKcat()) throw unavailable('kcat is missing; install it: apt-get install kcat');
  const runtime = { ...java, serversFolder: await fetchServers(machine, onProgress) };
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await clusterOfProcesses(machine).start({ provider: 'processes', onProgress }));
  const run = await createRunFolder(machine);
  stack.defer(() => run.remove());
  const settings = {
    wal_sender_timeout: String(SENDER_TIMEOUT_MS),
    deadlock_timeout: '200ms',
    max_wal_size: '4GB',
    ...postgresSettings,
  };
  const [postgres, registry] = await Promise.all([
    startRestartablePostgres(machine, run, binaries, settings),
    startRegistry(machine, run, runtime, 'registry'),
    keepEveryRecord(cluster),
  ]);
  const relay = stack.use(await openPostgresRelay(postgres.url));
  onProgress('Postgres and the registry are ready');
  const owned = stack.move();
  return {
    cluster,
    postgres,
    relay,
    registry: {
      url: registry.url,
      freeze: () => void process.kill(registry.server.pid, 'SIGSTOP'),
      thaw: () => void process.kill(registry.server.pid, 'SIGCONT'),
    },
    keepLogs: async () => `${await cluster.keepLogs()} and ${await run.keepLogs()}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The cluster compacts at once by default, so that others can test it. */
async function keepEveryRecord(cluster: KafkaCluster): Promise<void> {
  const setting = `log.cleaner.min.compaction.lag.ms=${UNCOMPACTED_MS}`;
  const target = ['--entity-type', 'brokers', '--entity-default'];
  await cluster.runTool('kafka.admin.ConfigCommand', [...target, '--alter', '--add-config', setting]);
}

function unavailable(problem: string): Failure {
  return new Failure('local.unavailable', 'stop', `the scenario cannot run here: ${problem}`);
}

/** A URL with other parts than `url`. */
export function urlWith(
  url: string,
  parts: {
    readonly user?: string;
    readonly password?: string;
    readonly database?: string;
    readonly port?: string;
  },
): string {
  const made = new URL(url);
  if (parts.user !== undefined) made.username = parts.user;
  if (parts.password !== undefined) made.password = parts.password;
  if (parts.database !== undefined) made.pathname = `/${parts.database}`;
  if (parts.port !== undefined) made.port = parts.port;
  return must(made.href, 'a URL');
}
