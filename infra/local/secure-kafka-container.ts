import { KAFKA_IMAGE, KAFKA_PORT } from './containers-provider.ts';
import { LOCALHOST } from './free-ports.ts';
import { askKafka } from './kafka-metadata.ts';
import { asKafkaEnv } from './kafka-settings.ts';
import type { Machine } from './machine.ts';
import type { StartSecureKafka } from './secure-kafka.ts';
import { SECURE_LISTENERS, secureKafkaSettings } from './secure-kafka-settings.ts';

/** Images may have to be pulled first. */
const START_MAX_MS = 240_000;
const RESTART_MAX_MS = 60_000;
const POLL_MS = 50;
const CONTROLLER_PORT = 9093;

/**
 * In a container. Each listener has the same port inside and outside, so that the broker reaches itself at the address
 * that it advertises.
 */
export function secureKafkaInContainer({ clock }: Machine): StartSecureKafka {
  return async (credentials, ports) => {
    const { GenericContainer, Wait, getContainerRuntimeClient } = await import('testcontainers');
    const addresses = (host: string) => ({
      plaintext: `${host}:${ports.plaintext}`,
      saslSsl: `${host}:${ports.saslSsl}`,
      mutualTls: `${host}:${ports.mutualTls}`,
      shortSession: `${host}:${ports.shortSession}`,
    });
    const settings = secureKafkaSettings(credentials, {
      controller: `${LOCALHOST}:${CONTROLLER_PORT}`,
      bind: addresses('0.0.0.0'),
      advertised: addresses(LOCALHOST),
    });
    const container = await new GenericContainer(KAFKA_IMAGE)
      .withEnvironment(asKafkaEnv(settings))
      .withExposedPorts(
        // Nothing listens there, but podman lists the image's own port as a binding to wait for.
        KAFKA_PORT,
        ...SECURE_LISTENERS.map((listener) => ({ container: ports[listener], host: ports[listener] })),
      )
      .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
      .withStartupTimeout(START_MAX_MS)
      .start();
    const handle = (await getContainerRuntimeClient()).container.getById(container.getId());
    return {
      async restart() {
        await handle.restart({ t: 0 });
        for (const deadline = clock.now() + RESTART_MAX_MS; ;)
          try {
            if ((await askKafka(LOCALHOST, ports.plaintext)).brokers.length > 0) return;
            throw new Error('Kafka is not among its own brokers yet');
          } catch (error) {
            if (clock.now() > deadline) throw error;
            await clock.sleep(POLL_MS);
          }
      },
      async [Symbol.asyncDispose]() {
        await container.stop({ timeout: 0, remove: true, removeVolumes: true });
      },
    };
  };
}
