import { findJava } from '../../../infra/local/java.ts';
import { clusterOfProcesses } from '../../../infra/local/kafka-cluster-processes.ts';
import type { KafkaCluster } from '../../../infra/local/kafka-cluster.ts';
import { thisMachine } from '../../../infra/local/machine.ts';
import { startRegistry } from '../../../infra/local/registry-server.ts';
import { createRunFolder } from '../../../infra/local/run-folder.ts';
import { fetchServers } from '../../../infra/local/server-jars.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { hasKcat } from '../../support/kcat.ts';

/** Servers of the scenario's own, which it may break. */
export interface JoinServers extends AsyncDisposable {
  readonly cluster: KafkaCluster;
  readonly registryUrl: string;
  /** Saves the servers' logs; returns their folders. */
  keepLogs(): Promise<string>;
}

/** @throws Failure `local.unavailable` on a machine without Java or kcat */
export async function startJoinServers(onProgress: (line: string) => void): Promise<JoinServers> {
  const machine = thisMachine();
  const java = await findJava(machine);
  const problem = 'problem' in java ? java.problem : 'kcat is missing; install it: apt-get install kcat';
  if ('problem' in java || !hasKcat())
    throw new Failure('local.unavailable', 'stop', `the scenario cannot run here: ${problem}`);
  const runtime = { ...java, serversFolder: await fetchServers(machine, onProgress) };
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await clusterOfProcesses(machine).start({ provider: 'processes', onProgress }));
  const run = await createRunFolder(machine);
  stack.defer(() => run.remove());
  const registry = await startRegistry(machine, run, runtime, 'registry');
  const owned = stack.move();
  return {
    cluster,
    registryUrl: registry.url,
    keepLogs: async () => `${await cluster.keepLogs()} and ${await run.keepLogs()}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
