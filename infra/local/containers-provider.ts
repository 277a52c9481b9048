import type * as testcontainers from 'testcontainers';
import { onFreePorts } from './free-ports.ts';
import { asKafkaEnv, kafkaSettings } from './kafka-settings.ts';
import { POSTGRES_SETTINGS } from './postgres-server.ts';
import { CCOMPAT_PATH, REGISTRY_RULES, setCompatibility } from './registry-server.ts';
import type { Provider, Stack, StackRequest } from './stack.ts';

const POSTGRES_IMAGE = 'docker.io/library/postgres:18';
export const KAFKA_IMAGE = 'docker.io/apache/kafka:4.2.1';
const REGISTRY_IMAGE = 'docker.io/apicurio/apicurio-registry:3.3.3';

/** Images may have to be pulled first. */
const START_MAX_MS = 240_000;
const POSTGRES_PORT = 5432;
const KAFKA_CONTROLLER_PORT = 9093;
/** The port that the image declares. Podman lists it as a binding, and Testcontainers waits until all have one. */
export const KAFKA_PORT = 9092;
/** The broker talks to itself, too (transaction verification and markers), and may not reach the host's address. */
const KAFKA_INSIDE = '127.0.0.1:19092';
const REGISTRY_PORT = 8080;

const INSTALL =
  'no Docker-compatible engine answers; install one and start it: Docker Engine (https://docs.docker.com/engine/install), or podman with DOCKER_HOST set to its socket';

type Testcontainers = typeof testcontainers;

/** Postgres, Kafka and the registry in containers of a Docker-compatible engine. */
export function containersProvider(): Provider {
  return {
    name: 'containers',
    async unavailable() {
      try {
        const { getContainerRuntimeClient } = await import('testcontainers');
        await getContainerRuntimeClient();
        return null;
      } catch {
        return INSTALL;
      }
    },
    start: startContainers,
  };
}

async function startContainers({ onProgress }: StackRequest): Promise<Stack> {
  const library = await import('testcontainers');
  onProgress('starting postgres, kafka and the schema registry in containers');
  const starts = [startPostgres(library), startKafka(library), startRegistry(library)] as const;
  try {
    const [postgres, kafka, registry] = await Promise.all(starts);
    onProgress('postgres, kafka and the schema registry are ready');
    return {
      provider: 'containers',
      kafkaBrokers: kafka.url,
      registryUrl: registry.url,
      sourceUrl: postgres.url,
      targetUrl: postgres.url,
      logs: null,
      [Symbol.asyncDispose]: () => stopAll([postgres, kafka, registry]),
    };
  } catch (error) {
    const settled = await Promise.allSettled(starts);
    await stopAll(settled.filter((start) => start.status === 'fulfilled').map(({ value }) => value));
    throw error;
  }
}

interface StartedServer {
  readonly container: testcontainers.StartedTestContainer;
  readonly url: string;
}

async function stopAll(servers: readonly StartedServer[]): Promise<void> {
  await Promise.all(
    servers.map(({ container }) => container.stop({ timeout: 0, remove: true, removeVolumes: true })),
  );
}

async function startPostgres({ GenericContainer, Wait }: Testcontainers): Promise<StartedServer> {
  const settings = Object.entries(POSTGRES_SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const container = await new GenericContainer(POSTGRES_IMAGE)
    .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: 'trust' })
    .withCommand(['postgres', ...settings])
    .withExposedPorts(POSTGRES_PORT)
    // Once for the start that fills the data folder, once for good.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .withStartupTimeout(START_MAX_MS)
    .start();
  const url = `postgresql://postgres@${container.getHost()}:${container.getMappedPort(POSTGRES_PORT)}/postgres`;
  return { container, url };
}

/** Clients are sent to the advertised address, so the host's port must be known before the start. */
async function startKafka({
  GenericContainer,
  Wait,
  getContainerRuntimeClient,
}: Testcontainers): Promise<StartedServer> {
  const { host } = (await getContainerRuntimeClient()).info.containerRuntime;
  return onFreePorts(1, async ([port = 0]) => {
    const advertised = `${host}:${port}`;
    const controller = `127.0.0.1:${KAFKA_CONTROLLER_PORT}`;
    const settings = withInsideListener(
      kafkaSettings({ broker: `0.0.0.0:${KAFKA_PORT}`, controller, advertised }),
      { bind: KAFKA_INSIDE, advertised: KAFKA_INSIDE },
    );
    const container = await new GenericContainer(KAFKA_IMAGE)
      .withEnvironment(asKafkaEnv(settings))
      .withExposedPorts({ container: KAFKA_PORT, host: port })
      .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
      .withStartupTimeout(START_MAX_MS)
      .start();
    return { container, url: advertised };
  });
}

/** A second listener for what does not come from the host: brokers among themselves, tools beside them. */
export function withInsideListener(
  settings: Readonly<Record<string, string>>,
  inside: { readonly bind: string; readonly advertised: string },
): Record<string, string> {
  return {
    ...settings,
    listeners: `${settings['listeners']},INSIDE://${inside.bind}`,
    'advertised.listeners': `${settings['advertised.listeners']},INSIDE://${inside.advertised}`,
    'listener.security.protocol.map': `${settings['listener.security.protocol.map']},INSIDE:PLAINTEXT`,
    'inter.broker.listener.name': 'INSIDE',
  };
}

async function startRegistry({ GenericContainer, Wait }: Testcontainers): Promise<StartedServer> {
  const container = await new GenericContainer(REGISTRY_IMAGE)
    .withEnvironment(REGISTRY_RULES)
    .withExposedPorts(REGISTRY_PORT)
    .withWaitStrategy(Wait.forHttp(`${CCOMPAT_PATH}/subjects`, REGISTRY_PORT))
    .withStartupTimeout(START_MAX_MS)
    .start();
  const url = `http://${container.getHost()}:${container.getMappedPort(REGISTRY_PORT)}${CCOMPAT_PATH}`;
  await setCompatibility(url);
  return { container, url };
}
