import { retry } from '../../infra/process/backoff.ts';
import type { BackoffPolicy } from '../../infra/process/backoff.ts';
import { Failure, orderFor } from '../../infra/process/failure.ts';
import { onGroup, onTopic, onTransactionalId, withPrincipal } from './access.ts';
import type { BrokerAddress, ClientContext, Connections, WireRequest } from './connections.ts';
import { ERROR, check, isBrokerError } from './error-code.ts';
import type { TopicPartition } from './port.ts';
import { PLAINTEXT } from './security.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

/** Of one topic: more than any cluster bears. */
const PARTITIONS_MAX = 1_000_000;

/** Tries of a request that meets passing errors: about half a minute, the first ones close together. */
export const REQUEST_RETRY: BackoffPolicy = { initialMs: 20, maxMs: 1_000, attemptsMax: 40 };

export interface TopicMetadata {
  readonly errorCode: number;
  /** Node id of each partition's leader, by partition number; -1 where there is none. */
  readonly leaders: readonly number[];
  /** Of the partition that has the fewest. */
  readonly replicationFactor: number;
}

type CoordinatorKind = 'group' | 'transaction';
const COORDINATOR_TYPE: Readonly<Record<CoordinatorKind, number>> = { group: 0, transaction: 1 };

/**
 * What is known of the cluster: brokers, leaders and coordinators. Shared by all connection sets. kafkajs's own
 * Cluster is not used: it gives up a whole refresh for one unknown topic and hides its retries.
 */
export class Cluster {
  readonly #context: ClientContext;
  readonly #connections: Connections;
  readonly #bootstrap: readonly BrokerAddress[];
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #coordinators = new Map<string, number>();
  #brokers = new Map<number, BrokerAddress>();
  #controllerId = -1;

  constructor(context: ClientContext, connections: Connections, bootstrap: readonly string[]) {
    this.#context = context;
    this.#connections = connections;
    this.#bootstrap = bootstrap.map(parseAddress);
  }

  /** Asks for these topics (none: only the brokers) and keeps what comes back. */
  async refresh(topics: readonly string[]): Promise<ReadonlyMap<string, TopicMetadata>> {
    const answer = await this.askAny((address) => this.#connections.send(address, metadataRequest(topics)));
    this.#brokers = answer.brokers;
    this.#controllerId = answer.controllerId;
    for (const [topic, metadata] of answer.topics) {
      if (metadata.errorCode === ERROR.none) this.#topics.set(topic, metadata);
      else this.#topics.delete(topic);
    }
    return answer.topics;
  }

  /** Looks for the leaders of partitions. @throws Failure, not of order `retry` when no later look will find them */
  async locate(partitions: readonly TopicPartition[]): Promise<void> {
    const topics = new Set(partitions.map(({ topic }) => topic));
    for (const [topic, { errorCode }] of await this.refresh([...topics]))
      check(errorCode, `finding the leaders of topic ${topic}`, onTopic('Describe', topic));
  }

  /** Node id of the leader as last heard, or undefined. */
  leader(topic: string, partition: number): number | undefined {
    const nodeId = this.#topics.get(topic)?.leaders[partition];
    return nodeId === undefined || nodeId < 0 ? undefined : nodeId;
  }

  /** The leader that a moment ago was right is not: ask again before the next use. */
  forgetLeader(topic: string): void {
    this.#topics.delete(topic);
  }

  /** @throws Failure `kafka.broker_unknown` (retry) */
  address(nodeId: number): BrokerAddress {
    const address = this.#brokers.get(nodeId);
    if (address === undefined)
      throw new Failure('kafka.broker_unknown', 'retry', `broker ${nodeId} is not in the cluster's metadata`);
    return address;
  }

  controller(): BrokerAddress {
    return this.address(this.#controllerId);
  }

  /** All brokers as last heard. */
  brokers(): readonly BrokerAddress[] {
    return [...this.#brokers.values()];
  }

  /**
   * Runs `ask` against the group's or transactional id's coordinator, again after a backoff when the error passes
   * by itself; a coordinator that moved is looked up again.
   */
  withCoordinator<T>(
    kind: CoordinatorKind,
    key: string,
    ask: (coordinator: BrokerAddress) => Promise<T>,
    policy: BackoffPolicy = REQUEST_RETRY,
  ): Promise<T> {
    return this.retry(policy, async () => {
      try {
        return await ask(await this.coordinator(kind, key));
      } catch (error) {
        if (
          isConnectionError(error) ||
          isBrokerError(error, ERROR.notCoordinator, ERROR.coordinatorNotAvailable)
        )
          this.forgetCoordinator(kind, key);
        throw error;
      }
    });
  }

  retry<T>(policy: BackoffPolicy, step: () => Promise<T>): Promise<T> {
    const { clock, random, log } = this.#context;
    return retry(
      policy,
      {
        clock,
        random,
        onRetry: (error, attempt, waitMs) => log.debug({ err: error, attempt, waitMs }, 'trying again'),
      },
      async () => {
        try {
          return await step();
        } catch (error) {
          throw this.explained(error);
        }
      },
    );
  }

  /** An error as it may leave the port: one about a missing right says who lacks it. */
  explained(error: unknown): unknown {
    return withPrincipal(error, (this.#context.security ?? PLAINTEXT).principal);
  }

  async coordinator(kind: CoordinatorKind, key: string): Promise<BrokerAddress> {
    const known = this.#coordinators.get(`${kind}:${key}`);
    if (known !== undefined && this.#brokers.has(known)) return this.address(known);
    const found = await this.askAny((address) =>
      this.#connections.call<FoundCoordinator>(address, 'GroupCoordinator', 2, {
        groupId: key,
        coordinatorType: COORDINATOR_TYPE[kind],
      }),
    );
    check(
      found.errorCode,
      `finding the coordinator of ${kind} ${key}`,
      kind === 'group' ? onGroup(key) : onTransactionalId(key),
    );
    this.#coordinators.set(`${kind}:${key}`, found.coordinator.nodeId);
    this.#brokers.set(found.coordinator.nodeId, found.coordinator);
    return found.coordinator;
  }

  forgetCoordinator(kind: CoordinatorKind, key: string): void {
    this.#coordinators.delete(`${kind}:${key}`);
  }

  /** Asks one broker after the other until one answers, connected ones first. */
  async askAny<T>(ask: (address: BrokerAddress) => Promise<T>): Promise<T> {
    const all = [...this.#brokers.values(), ...this.#bootstrap];
    const ready = all.toSorted(
      (a, b) => Number(this.#connections.knows(b)) - Number(this.#connections.knows(a)),
    );
    let last: unknown = new Failure('kafka.unreachable', 'stop', 'no broker address is configured');
    for (const address of ready)
      try {
        return await ask(address);
      } catch (error) {
        if (orderFor(error) !== 'retry') throw error;
        last = error;
      }
    throw last;
  }
}

/** True when nothing is known about what the broker did. */
export const isConnectionError = (error: unknown): boolean =>
  error instanceof Failure && (error.code === 'kafka.connection' || error.code === 'kafka.broker_unknown');

interface FoundCoordinator {
  readonly errorCode: number;
  readonly coordinator: { readonly nodeId: number; readonly host: string; readonly port: number };
}

interface ClusterMetadata {
  readonly brokers: Map<number, BrokerAddress>;
  readonly controllerId: number;
  readonly topics: Map<string, TopicMetadata>;
}

/** Metadata version 6 with automatic topic creation off. */
/** None: only the brokers. */
export function metadataRequest(topics: readonly string[]): WireRequest<ClusterMetadata> {
  const body = new WireWriter();
  body.array(topics, (topic) => body.string(topic)).bool(false);
  return {
    apiKey: 3,
    apiName: 'Metadata',
    apiVersion: 6,
    flexible: false,
    body: [body.bytes()],
    decode: readMetadata,
  };
}

function readMetadata(reader: WireReader): ClusterMetadata {
  reader.int32(); // throttle time
  const brokers = new Map<number, BrokerAddress>();
  reader.array(() => {
    const nodeId = reader.int32();
    brokers.set(nodeId, { host: reader.string() ?? '', port: reader.int32() });
    reader.string(); // rack
  });
  reader.string(); // cluster id
  const controllerId = reader.int32();
  const topics = new Map<string, TopicMetadata>();
  reader.array(() => {
    const errorCode = reader.int16();
    const topic = reader.string() ?? '';
    reader.bool(); // internal
    topics.set(topic, { errorCode, ...readPartitions(reader) });
  });
  return { brokers, controllerId, topics };
}

function readPartitions(reader: WireReader): Omit<TopicMetadata, 'errorCode'> {
  const leaders: number[] = [];
  let replicationFactor = Number.POSITIVE_INFINITY;
  reader.array(() => {
    reader.int16(); // a partition without a leader has leader -1 as well
    const partition = reader.int32();
    if (partition < 0 || partition > PARTITIONS_MAX)
      throw new Failure(
        'kafka.bad_message',
        'stop',
        `an answer with metadata tells of partition ${partition}`,
      );
    leaders[partition] = reader.int32();
    replicationFactor = Math.min(replicationFactor, reader.array(() => reader.int32()).length);
    for (let lists = 2; lists > 0; lists--) reader.array(() => reader.int32()); // in sync, offline
  });
  return { leaders, replicationFactor };
}

function parseAddress(text: string): BrokerAddress {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port))
    throw new Failure('config.invalid', 'stop', `broker address "${text}" is not host:port`);
  return { host: text.slice(0, colon), port };
}
