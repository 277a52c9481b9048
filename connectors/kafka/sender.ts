import { must } from '../../infra/process/assert.ts';
import { backoffMs } from '../../infra/process/backoff.ts';
import { orderFor } from '../../infra/process/failure.ts';
import { IDEMPOTENT_WRITE, onTopic, onTransactionalId } from './access.ts';
import { partitionKey } from './by-topic.ts';
import { REQUEST_RETRY, isConnectionError } from './cluster.ts';
import type { Cluster, TopicMetadata } from './cluster.ts';
import type { Compression } from './compression.ts';
import { REQUEST_TIMEOUT_MS } from './connections.ts';
import type { ClientContext, Connections } from './connections.ts';
import type { Delivery } from './delivery.ts';
import { ERROR, failureOf } from './error-code.ts';
import type { RecordBytes } from './record-bytes.ts';
import { PartitionQueue } from './partition-queue.ts';
import type { TopicPartition } from './port.ts';
import { produceRequest } from './produce-request.ts';
import type { ProduceAnswer } from './produce-request.ts';
import type { ProducerIdentity } from './transaction-requests.ts';

/** Bytes of one produce request, unless a single batch is larger; a broker takes 100 MiB (`socket.request.max.bytes`). */
const REQUEST_BYTES_MAX = 4 * 1024 * 1024;
/** Produce requests under way to one broker, each with other partitions (`max.in.flight.requests.per.connection`). */
const IN_FLIGHT_MAX = 5;
/** Bytes of records that wait for their acknowledgement, before compression (`buffer.memory`). */
const BUFFER_BYTES_MAX = 32 * 1024 * 1024;

export interface SenderOptions {
  readonly context: ClientContext;
  readonly cluster: Cluster;
  readonly connections: Connections;
  /** Null for an idempotent producer without transactions. */
  readonly transactionalId: string | null;
  readonly compression: Compression;
  /** Milliseconds from a batch's first try, after which a passing error counts as lasting (`delivery.timeout.ms`). */
  readonly deliveryTimeoutMs: number;
}

/**
 * Gathers records into batches and brings them to their leaders, in order, each exactly once in the log: at most one
 * batch of a partition is in flight, and a batch that got no answer goes out again byte for byte, so that the broker
 * knows it by its sequence number. Records that come while a partition is busy share its next batch.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #queues = new Map<string, PartitionQueue[]>();
  /** Queues with batches, in the order in which they are served. */
  readonly #waiting = new Set<PartitionQueue>();
  /** Requests under way, by broker. */
  readonly #inFlight = new Map<number, number>();
  #identity: ProducerIdentity;
  #requests = 0;
  #bufferedBytes = 0;
  #locating = false;
  #failure: { readonly error: unknown } | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(options: SenderOptions, identity: ProducerIdentity) {
    this.#options = options;
    this.#identity = identity;
  }

  get isFull(): boolean {
    return this.#bufferedBytes >= BUFFER_BYTES_MAX;
  }

  /** Partitions with records that are not acknowledged. */
  get partitions(): Iterable<PartitionQueue> {
    return this.#waiting;
  }

  /** Encodes a record behind those of its partition. Nothing is sent before `release`. @throws what made the sender fail */
  append(record: RecordBytes, delivery: Delivery): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    const queue = this.#queueOf(record);
    this.#bufferedBytes += queue.append(record, delivery);
    this.#waiting.add(queue);
  }

  /** Lets these partitions go out, from now on until `retain`. */
  release(queues: Iterable<PartitionQueue>): void {
    for (const queue of queues) queue.released = true;
    this.#pump();
  }

  /** Resolves when there is room again, or the sender has failed. */
  async room(): Promise<void> {
    while (this.isFull && this.#failure === undefined) await this.#changed.promise;
  }

  /** Resolves when everything is acknowledged, or the sender has failed. */
  async drained(): Promise<void> {
    while (this.#waiting.size > 0 && this.#failure === undefined) await this.#changed.promise;
  }

  /**
   * Gives up what is not acknowledged, and resolves when nothing is under way any more. The next records go out in the
   * name of `identity`, with sequence numbers from 0.
   */
  async reset(error: unknown): Promise<void> {
    this.#failure ??= { error };
    while (this.#requests > 0) await this.#changed.promise;
    this.#giveUp();
  }

  /** After reset(). */
  restart(identity: ProducerIdentity): void {
    this.#identity = identity;
    this.#queues.clear();
    this.#failure = undefined;
  }

  /** From here on no partition goes out until it is released again. */
  retain(): void {
    for (const queues of this.#queues.values()) for (const queue of queues) if (queue) queue.released = false;
  }

  #queueOf({ topic, partition }: TopicPartition): PartitionQueue {
    let ofTopic = this.#queues.get(topic);
    if (ofTopic === undefined) this.#queues.set(topic, (ofTopic = []));
    return (ofTopic[partition] ??= new PartitionQueue(topic, partition));
  }

  /** Sends every request that can be sent now. Called whenever something that may hold one back has changed. */
  #pump(): void {
    if (this.#failure !== undefined) return;
    const { cluster } = this.#options;
    const byLeader = new Map<number, PartitionQueue[]>();
    const leaderless = new Set<string>();
    for (const queue of this.#waiting) {
      if (!queue.released || queue.inFlight || queue.held) continue;
      const leader = cluster.leader(queue.topic, queue.partition);
      if (leader === undefined) leaderless.add(queue.topic);
      else if (byLeader.has(leader)) byLeader.get(leader)!.push(queue);
      else byLeader.set(leader, [queue]);
    }
    if (leaderless.size > 0) this.#locate(leaderless);
    for (const [leader, queues] of byLeader)
      while (queues.length > 0 && (this.#inFlight.get(leader) ?? 0) < IN_FLIGHT_MAX)
        this.#launch(leader, queues);
  }

  /** Takes as many partitions off the list as one request holds. */
  #launch(leader: number, queues: PartitionQueue[]): void {
    const { context, compression, transactionalId } = this.#options;
    const session = { ...this.#identity, transactional: transactionalId !== null };
    const batches = [];
    let taken = 0;
    for (let size = 0; taken < queues.length; taken++) {
      const queue = queues[taken]!;
      const bytes = queue.sealHead(session, compression);
      size += bytes.length;
      if (size > REQUEST_BYTES_MAX && taken > 0) break;
      const head = queue.head!;
      head.firstTriedAt ??= context.clock.now();
      head.tries++;
      queue.inFlight = true;
      batches.push({ topic: queue.topic, partition: queue.partition, bytes });
    }
    const sent = queues.splice(0, taken);
    this.#count(leader, 1);
    void this.#produce(leader, sent, batches).finally(() => {
      for (const queue of sent) queue.inFlight = false;
      this.#count(leader, -1);
      this.#announce();
      this.#pump();
    });
  }

  #count(leader: number, change: 1 | -1): void {
    this.#requests += change;
    this.#inFlight.set(leader, (this.#inFlight.get(leader) ?? 0) + change);
  }

  #announce(): void {
    if (this.#failure !== undefined && this.#requests === 0) this.#giveUp();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Never rejects. */
  async #produce(
    leader: number,
    sent: readonly PartitionQueue[],
    batches: Parameters<typeof produceRequest>[2],
  ): Promise<void> {
    const { cluster, connections, transactionalId } = this.#options;
    try {
      const request = produceRequest(transactionalId, REQUEST_TIMEOUT_MS, batches);
      this.#take(sent, await connections.send(cluster.address(leader), request));
    } catch (error) {
      // The same batch may go out again, here or to a new leader: the broker knows it by its sequence number.
      if (isConnectionError(error) || orderFor(error) === 'retry')
        for (const queue of sent) this.#holdBack(queue, error);
      else this.#fail(error);
    }
  }

  #take(sent: readonly PartitionQueue[], answers: readonly ProduceAnswer[]): void {
    const byPartition = new Map(answers.map((answer) => [partitionKey(answer), answer]));
    for (const queue of sent) {
      const answer = must(byPartition.get(partitionKey(queue)), `no produce answer for ${queue.topic}`);
      this.#settle(queue, answer);
      // Others have had less.
      this.#waiting.delete(queue);
      if (!queue.isEmpty) this.#waiting.add(queue);
    }
  }

  #settle(queue: PartitionQueue, { errorCode, baseOffset }: ProduceAnswer): void {
    if (errorCode === ERROR.none) {
      this.#bufferedBytes -= queue.acknowledgeHead(baseOffset);
      return;
    }
    if (errorCode === ERROR.messageTooLarge || errorCode === ERROR.recordListTooLarge) {
      this.#bufferedBytes += queue.splitHead();
      return;
    }
    const { transactionalId } = this.#options;
    const failure = failureOf(
      errorCode,
      `producing to ${queue.topic}-${queue.partition}`,
      onTopic('Write', queue.topic),
      transactionalId === null ? IDEMPOTENT_WRITE : onTransactionalId(transactionalId),
    );
    if (failure.order === 'retry') this.#holdBack(queue, failure);
    else this.#fail(failure);
  }

  /** The partition goes on after a wait, unless its first batch has been tried for too long. */
  #holdBack(queue: PartitionQueue, error: unknown): void {
    const { context, cluster, deliveryTimeoutMs } = this.#options;
    const now = context.clock.now();
    cluster.forgetLeader(queue.topic);
    if (now - (queue.head?.firstTriedAt ?? now) > deliveryTimeoutMs) return this.#fail(error);
    const waitMs = Math.ceil(backoffMs(REQUEST_RETRY, Math.min(queue.failures++, 10), context.random));
    queue.held = true;
    void context.clock.sleep(waitMs).then(() => {
      queue.held = false;
      this.#pump();
    });
  }

  /** Finds the leaders of topics. */
  #locate(topics: ReadonlySet<string>): void {
    if (this.#locating) return;
    this.#locating = true;
    void this.#options.cluster
      .refresh([...topics])
      .then(
        (found) => this.#holdBackLeaderless(found),
        (error: unknown) => this.#holdBackAll(topics, error),
      )
      .finally(() => {
        this.#locating = false;
        this.#announce();
        this.#pump();
      });
  }

  #holdBackLeaderless(found: ReadonlyMap<string, TopicMetadata>): void {
    const { cluster } = this.#options;
    for (const queue of this.#waiting) {
      const { topic, partition } = queue;
      const metadata = found.get(topic);
      if (metadata === undefined || cluster.leader(topic, partition) !== undefined) continue;
      const code = metadata.errorCode || ERROR.leaderNotAvailable;
      const failure = failureOf(
        code,
        `finding the leader of ${topic}-${partition}`,
        onTopic('Describe', topic),
      );
      if (failure.order !== 'retry') return this.#fail(failure);
      this.#holdBackIdle(queue, failure);
    }
  }

  #holdBackAll(topics: ReadonlySet<string>, error: unknown): void {
    if (orderFor(error) !== 'retry') return this.#fail(error);
    for (const queue of this.#waiting) if (topics.has(queue.topic)) this.#holdBackIdle(queue, error);
  }

  #holdBackIdle(queue: PartitionQueue, error: unknown): void {
    if (!queue.released || queue.inFlight || queue.held) return;
    queue.head!.firstTriedAt ??= this.#options.context.clock.now();
    this.#holdBack(queue, error);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error: this.#options.cluster.explained(error) };
  }

  /** Once nothing is under way: what is in doubt is known to be so only then. */
  #giveUp(): void {
    const { error } = must(this.#failure, 'a sender gives up only after a failure');
    for (const queue of this.#waiting) queue.fail(error);
    this.#waiting.clear();
    this.#bufferedBytes = 0;
  }
}
