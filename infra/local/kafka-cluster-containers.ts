import { createWriteStream } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type * as testcontainers from 'testcontainers';
import { must } from '../process/assert.ts';
import type { Clock } from '../process/clock.ts';
import { KAFKA_IMAGE, KAFKA_PORT, containersProvider, withInsideListener } from './containers-provider.ts';
import { lastingPorts, onFreePorts } from './free-ports.ts';
import { CLUSTER_NODES } from './kafka-cluster.ts';
import type { ClusterProvider, ClusterRequest, KafkaCluster, KafkaNode, NodeId } from './kafka-cluster.ts';
import { clusterSettings } from './kafka-cluster-settings.ts';
import { askKafka } from './kafka-metadata.ts';
import { newUuid } from './kafka-server.ts';
import { asKafkaEnv } from './kafka-settings.ts';
import { toolFailure } from './kafka-tool.ts';
import type { Machine } from './machine.ts';

/** Images may have to be pulled first. */
const START_MAX_MS = 240_000;
const RESTART_MAX_MS = 60_000;
const POLL_MS = 50;
/** Each plus the node's id: where the nodes meet each other. */
const CONTROLLER_PORTS = 9190;
const INSIDE_PORTS = 9290;
const HEAP = '-Xmx384m -Xms128m';
const STOP_MAX_SECONDS = 20;

type Testcontainers = typeof testcontainers;

/** Three nodes in containers of a Docker-compatible engine. */
export function clusterInContainers(machine: Machine): ClusterProvider {
  return {
    name: 'containers',
    unavailable: () => containersProvider().unavailable(),
    start: (request) => start(machine, request),
  };
}

async function start(machine: Machine, { onProgress }: ClusterRequest): Promise<KafkaCluster> {
  const library = await import('testcontainers');
  const { host } = (await library.getContainerRuntimeClient()).info.containerRuntime;
  onProgress('starting three Kafka nodes in containers');
  return onFreePorts(
    CLUSTER_NODES.length,
    async (ports) => {
      await using cleanUp = new AsyncDisposableStack();
      const network = await startNetwork(library, ports);
      cleanUp.defer(() => remove(network));
      const clusterId = newUuid();
      const starts = CLUSTER_NODES.map(async (id) => {
        const advertised = `${host}:${portOf(ports, id)}`;
        const container = await startNode(library, network, clusterId, id, advertised);
        cleanUp.defer(() => remove(container));
        return { container, node: await kafkaNode(library, machine.clock, container, id, advertised) };
      });
      await Promise.allSettled(starts);
      const nodes = await Promise.all(starts);
      for (const { node } of nodes) await untilServes(machine.clock, node.broker);
      onProgress('three Kafka nodes are ready');
      return clusterOf(machine, nodes, cleanUp.move());
    },
    lastingPorts,
  );
}

const portOf = (ports: readonly number[], id: NodeId): number => ports[id - 1] ?? 0;

async function remove(container: testcontainers.StartedTestContainer): Promise<void> {
  await container.stop({ timeout: 0, remove: true, removeVolumes: true });
}

/**
 * A container that does nothing but hold the network that the nodes share, as in a pod: they meet at localhost. With names
 * of their own each look-up of a node that is down would wait for a name server.
 */
function startNetwork(
  { GenericContainer, Wait }: Testcontainers,
  ports: readonly number[],
): Promise<testcontainers.StartedTestContainer> {
  return new GenericContainer(KAFKA_IMAGE)
    .withCommand(['sh', '-c', 'echo holding the network; exec sleep infinity'])
    .withExposedPorts(KAFKA_PORT, ...ports.map((port) => ({ container: port, host: port })))
    .withWaitStrategy(Wait.forLogMessage(/holding the network/))
    .withStartupTimeout(START_MAX_MS)
    .start();
}

const controllerOf = (id: NodeId): string => `127.0.0.1:${CONTROLLER_PORTS + id}`;
const insideOf = (id: NodeId): string => `127.0.0.1:${INSIDE_PORTS + id}`;

async function startNode(
  { GenericContainer, Wait }: Testcontainers,
  network: testcontainers.StartedTestContainer,
  clusterId: string,
  id: NodeId,
  advertised: string,
): Promise<testcontainers.StartedTestContainer> {
  const voters = CLUSTER_NODES.map((other) => `${other}@${controllerOf(other)}`).join(',');
  const broker = `0.0.0.0:${advertised.split(':').at(-1)}`;
  const settings = withInsideListener(
    clusterSettings({ id, broker, controller: controllerOf(id), advertised, voters }),
    { bind: insideOf(id), advertised: insideOf(id) },
  );
  return new GenericContainer(KAFKA_IMAGE)
    .withNetworkMode(`container:${network.getId()}`)
    .withEnvironment({ ...asKafkaEnv(settings), CLUSTER_ID: clusterId, KAFKA_HEAP_OPTS: HEAP })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .withStartupTimeout(START_MAX_MS)
    .start();
}

async function kafkaNode(
  { getContainerRuntimeClient }: Testcontainers,
  clock: Clock,
  started: testcontainers.StartedTestContainer,
  id: NodeId,
  broker: string,
): Promise<KafkaNode> {
  const client = await getContainerRuntimeClient();
  const container = client.container.getById(started.getId());
  return {
    id,
    broker,
    async start() {
      await container.start();
      await untilServes(clock, broker);
    },
    async kill() {
      const { State } = await container.inspect();
      if (State.Running) await container.kill({ signal: 'SIGKILL' });
      if (State.Running) await container.wait();
    },
    async stop() {
      await container.stop({ t: STOP_MAX_SECONDS });
    },
    async pause() {
      await container.pause();
    },
    async resume() {
      await container.unpause();
    },
  };
}

async function untilServes(clock: Clock, broker: string): Promise<void> {
  const [host = '', port] = broker.split(':');
  for (const deadline = clock.now() + RESTART_MAX_MS; ;)
    try {
      const { brokers } = await askKafka(host, Number(port));
      if (brokers.some((other) => other.port === Number(port))) return;
      throw new Error(`Kafka node ${broker} is not among the brokers yet`);
    } catch (error) {
      if (clock.now() > deadline) throw error;
      await clock.sleep(POLL_MS);
    }
}

interface StartedNode {
  readonly container: testcontainers.StartedTestContainer;
  readonly node: KafkaNode;
}

function clusterOf(
  { tmpFolder }: Machine,
  nodes: readonly StartedNode[],
  cleanUp: AsyncDisposableStack,
): KafkaCluster {
  const bootstrap = CLUSTER_NODES.map(insideOf).join(',');
  const find = (id: number): StartedNode =>
    must(
      nodes.find(({ node }) => node.id === id),
      `Kafka node ${id} is not in this cluster`,
    );
  return {
    provider: 'containers',
    brokers: nodes.map(({ node }) => node.broker).join(','),
    nodes: nodes.map(({ node }) => node),
    node: (id) => find(id).node,
    async runTool(mainClass, args, input = '') {
      const command = ['java', '-cp', '/opt/kafka/libs/*', mainClass, '--bootstrap-server', bootstrap];
      return runInside(nodes, [...command, ...args], input);
    },
    async keepLogs() {
      const kept = await mkdtemp(join(tmpFolder, 'millrace-logs-'));
      for (const { container, node } of nodes)
        await pipeline(await container.logs(), createWriteStream(join(kept, `kafka-${node.id}.log`)), {
          end: true,
        });
      return kept;
    },
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

/** In the first container that runs: an engine starts no program in one that is stopped or paused. */
async function runInside(
  nodes: readonly StartedNode[],
  command: readonly string[],
  input: string,
): Promise<string> {
  let last: unknown;
  for (const { container } of nodes) {
    // An engine's exec has no standard input here.
    const piped = ['sh', '-c', 'echo "$0" | base64 -d | "$@"', Buffer.from(input).toString('base64')];
    let result: testcontainers.ExecResult;
    try {
      result = await container.exec([...piped, ...command]);
    } catch (error) {
      last = error;
      continue;
    }
    if (result.exitCode === 0) return result.stdout;
    throw toolFailure(command.join(' '), `exit code ${result.exitCode}`, result.output);
  }
  throw last;
}
