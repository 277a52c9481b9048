import { clusterInContainers } from './kafka-cluster-containers.ts';
import { clusterOfProcesses } from './kafka-cluster-processes.ts';
import type { ClusterRequest } from './kafka-cluster.ts';
import { LOCALHOST, lastingPorts, onFreePorts } from './free-ports.ts';
import { thisMachine } from './machine.ts';
import type { Machine } from './machine.ts';
import { secureKafkaInContainer } from './secure-kafka-container.ts';
import { secureKafkaOfProcess } from './secure-kafka-process.ts';
import { SECURE_LISTENERS } from './secure-kafka-settings.ts';
import type { KafkaCredentials, SecureListener } from './secure-kafka-settings.ts';
import { chooseProvider } from './start-stack.ts';

/** A Kafka of one node that takes clients by every security protocol, for tests. Disposing removes it. */
export interface SecureKafka extends AsyncDisposable {
  readonly provider: ClusterRequest['provider'];
  /** `host:port` of each listener. */
  readonly brokers: Readonly<Record<SecureListener, string>>;
  /** Ends it at once and starts it again, with the same data on the same ports. */
  restart(): Promise<void>;
}

/** One port for each listener, in their order. */
export type StartSecureKafka = (
  credentials: KafkaCredentials,
  ports: Readonly<Record<SecureListener, number>>,
) => Promise<Omit<SecureKafka, 'brokers' | 'provider'>>;

/**
 * Starts it as a process, else in a container of an engine on this machine.
 * @throws Failure `local.unavailable` when the machine offers no way, naming what to install
 */
export async function startSecureKafka(
  request: ClusterRequest,
  credentials: KafkaCredentials,
  machine: Machine = thisMachine(),
): Promise<SecureKafka> {
  const ways = [
    { ...clusterOfProcesses(machine), startSecure: secureKafkaOfProcess(machine, request.onProgress) },
    { ...clusterInContainers(machine), startSecure: secureKafkaInContainer(machine) },
  ];
  const { name, startSecure } = await chooseProvider(request, ways);
  const start = async (free: readonly number[]): Promise<SecureKafka> => {
    const ports = byListener((index) => free[index] ?? 0);
    const kafka = await startSecure(credentials, ports);
    return { ...kafka, provider: name, brokers: byListener((index) => `${LOCALHOST}:${free[index] ?? 0}`) };
  };
  return onFreePorts(SECURE_LISTENERS.length, start, lastingPorts);
}

function byListener<T>(of: (index: number) => T): Readonly<Record<SecureListener, T>> {
  return { plaintext: of(0), saslSsl: of(1), mutualTls: of(2), shortSession: of(3) };
}
