import { clusterInContainers } from './kafka-cluster-containers.ts';
import { clusterOfProcesses } from './kafka-cluster-processes.ts';
import type { ClusterRequest, KafkaCluster } from './kafka-cluster.ts';
import { thisMachine } from './machine.ts';
import type { Machine } from './machine.ts';
import { chooseProvider } from './start-stack.ts';

/**
 * Starts a Kafka of three nodes with nothing beside it.
 * @throws Failure `local.unavailable` when the machine offers no way, naming what to install
 */
export async function startKafkaCluster(
  request: ClusterRequest,
  machine: Machine = thisMachine(),
): Promise<KafkaCluster> {
  const provider = await chooseProvider(request, [clusterOfProcesses(machine), clusterInContainers(machine)]);
  return provider.start(request);
}
