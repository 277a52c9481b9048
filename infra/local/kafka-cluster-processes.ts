import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import { Failure } from '../process/failure.ts';
import { must } from '../process/assert.ts';
import { readArchive } from './class-archive.ts';
import { LOCALHOST, lastingPorts, onFreePorts } from './free-ports.ts';
import { findJava, javaCommand } from './java.ts';
import type { JavaRuntime } from './java.ts';
import { CLUSTER_NODES } from './kafka-cluster.ts';
import type { ClusterProvider, ClusterRequest, KafkaCluster, KafkaNode, NodeId } from './kafka-cluster.ts';
import { clusterSettings } from './kafka-cluster-settings.ts';
import { askKafka } from './kafka-metadata.ts';
import { formatted, kafkaJava, newUuid, renameLogDir } from './kafka-server.ts';
import { asProperties } from './kafka-settings.ts';
import { runKafkaTool } from './kafka-tool.ts';
import type { Machine } from './machine.ts';
import { kafkaProblems } from './processes-provider.ts';
import { createRunFolder } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';
import { fetchServers } from './server-jars.ts';
import { startServer, untilReady } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';

/** Later than the one of javaCommand, so it holds. Three nodes have to fit on a small machine. */
const HEAP = '-Xmx384m';
/** A node that cannot hand its leaderships over (the others are down) would take minutes to stop. */
const STOP_MAX_MS = 20_000;
const STATE_POLL_MS = 10;

const run = promisify(execFile);

/** Three nodes as child processes of this one; needs Java, and Maven for the first start. */
export function clusterOfProcesses(machine: Machine): ClusterProvider {
  return { name: 'processes', unavailable: () => problemOf(machine), start: (of) => start(machine, of) };
}

async function problemOf(machine: Machine): Promise<string | null> {
  const problems = await kafkaProblems(machine);
  return problems.length === 0 ? null : problems.join('; ');
}

async function start(machine: Machine, { onProgress }: ClusterRequest): Promise<KafkaCluster> {
  const java = await findJava(machine);
  if ('problem' in java) throw new Failure('local.unavailable', 'stop', java.problem);
  const runtime = { ...java, serversFolder: await fetchServers(machine, onProgress) };
  const folder = await createRunFolder(machine);
  const started = machine.clock.now();
  try {
    const site = await prepare(machine, folder, runtime);
    const nodes = await onFreePorts(2 * CLUSTER_NODES.length, (ports) => startAll(site, ports), lastingPorts);
    onProgress(`three Kafka nodes ready in ${((machine.clock.now() - started) / 1000).toFixed(1)} s`);
    return clusterOf(site, nodes);
  } catch (error) {
    onProgress(`the logs of the Kafka nodes are in ${await folder.keepLogs()}`);
    await folder.remove();
    throw error;
  }
}

/** What all nodes have in common. */
interface Site {
  readonly machine: Machine;
  readonly folder: RunFolder;
  readonly runtime: JavaRuntime;
  /** Options and class path of any of Kafka's programs. */
  readonly java: readonly string[];
  readonly clusterId: string;
}

const homeOf = ({ folder }: Site, id: NodeId): string => join(folder.path, `kafka-${id}`);

/** One formatted log folder per node, all of one cluster. */
async function prepare(machine: Machine, folder: RunFolder, runtime: JavaRuntime): Promise<Site> {
  const java = await kafkaJava(folder.path, runtime);
  const template = await formatted(machine, folder, runtime, java);
  const site = { machine, folder, runtime, java, clusterId: newUuid() };
  for (const id of CLUSTER_NODES) {
    const logDir = join(homeOf(site, id), 'data');
    await mkdir(homeOf(site, id));
    await cp(template, logDir, { recursive: true });
    const identity = { 'cluster.id': site.clusterId, 'node.id': String(id), 'directory.id': newUuid() };
    await renameLogDir(logDir, identity);
  }
  return site;
}

/** @throws Failure `local.port_taken` with no node left running */
async function startAll(site: Site, ports: readonly number[]): Promise<readonly KafkaNode[]> {
  const address = (port: number | undefined): string => `${LOCALHOST}:${port ?? 0}`;
  const voters = CLUSTER_NODES.map((id) => `${id}@${address(ports[2 * id - 1])}`).join(',');
  const nodes = await Promise.all(
    CLUSTER_NODES.map(async (id) => {
      const broker = address(ports[2 * id - 2]);
      const addresses = { id, broker, controller: address(ports[2 * id - 1]), advertised: broker, voters };
      const settings = { ...clusterSettings(addresses), 'log.dirs': join(homeOf(site, id), 'data') };
      await writeFile(configOf(site, id), asProperties(settings));
      return kafkaNode(site, id, broker);
    }),
  );
  // All at once: a single node finds no majority and does not become ready.
  const starts = await Promise.allSettled(nodes.map((node) => node.start()));
  const failed = starts.find((result) => result.status === 'rejected');
  if (failed === undefined) return nodes;
  await Promise.all(nodes.map((node) => node.kill()));
  throw failed.reason;
}

const configOf = (site: Site, id: NodeId): string => join(homeOf(site, id), 'server.properties');

function kafkaNode(site: Site, id: NodeId, broker: string): KafkaNode {
  const { machine, folder, runtime } = site;
  let server: ServerProcess | null = null;
  const running = (): ServerProcess => must(server, `Kafka node ${id} is not started`);
  return {
    id,
    broker,
    async start() {
      const args = [HEAP, ...site.java, 'kafka.Kafka', configOf(site, id)];
      const program = { name: `kafka-${id}`, args, archive: readArchive(runtime, 'kafka') };
      server = startServer(folder, machine.clock, javaCommand(machine, runtime, program));
      await untilReady(server, machine.clock, () => serves(broker, site.clusterId));
    },
    async kill() {
      await server?.stop();
    },
    async stop() {
      process.kill(running().pid, 'SIGTERM');
      const timer = new AbortController();
      await Promise.race([running().end, machine.clock.sleep(STOP_MAX_MS, timer.signal)]);
      timer.abort();
      await running().stop();
    },
    async pause() {
      process.kill(running().pid, 'SIGSTOP');
      while (!(await isStopped(running().pid))) await machine.clock.sleep(STATE_POLL_MS);
    },
    async resume() {
      process.kill(running().pid, 'SIGCONT');
      while (await isStopped(running().pid)) await machine.clock.sleep(STATE_POLL_MS);
    },
  };
}

/** True when the node tells clients to come to itself: the controllers have taken it in. */
async function serves(broker: string, clusterId: string): Promise<boolean> {
  const port = Number(broker.slice(broker.lastIndexOf(':') + 1));
  const metadata = await askKafka(LOCALHOST, port);
  return metadata.clusterId === clusterId && metadata.brokers.some((other) => other.port === port);
}

async function isStopped(pid: number): Promise<boolean> {
  return (await run('ps', ['-o', 'stat=', '-p', String(pid)])).stdout.startsWith('T');
}

function clusterOf(site: Site, nodes: readonly KafkaNode[]): KafkaCluster {
  const brokers = nodes.map(({ broker }) => broker).join(',');
  const { machine, runtime, folder } = site;
  return {
    provider: 'processes',
    brokers,
    nodes,
    node: (id) =>
      must(
        nodes.find((node) => node.id === id),
        `Kafka node ${id} is not in this cluster`,
      ),
    runTool(mainClass, args, input) {
      const program = {
        name: mainClass,
        args: [...site.java, mainClass, '--bootstrap-server', brokers, ...args],
        archive: readArchive(runtime, 'kafka'),
      };
      return runKafkaTool(javaCommand(machine, runtime, program), input);
    },
    keepLogs: () => folder.keepLogs(),
    [Symbol.asyncDispose]: () => folder.remove(),
  };
}
