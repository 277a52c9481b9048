import { assert, must } from '../../infra/process/assert.ts';
import { backoffMs } from '../../infra/process/backoff.ts';
import { Failure, orderFor } from '../../infra/process/failure.ts';
import { partitionKey } from './by-topic.ts';
import { REQUEST_RETRY, isConnectionError } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { REQUEST_TIMEOUT_MS } from './connections.ts';
import type { BrokerAddress, ClientContext, Connections } from './connections.ts';
import { ERROR, check, isBrokerError } from './error-code.ts';
import { queueByPartition } from './partition-queue.ts';
import type { PartitionQueue } from './partition-queue.ts';
import type {
  GroupMetadata,
  PartitionOffset,
  ProducerRecord,
  TopicPartition,
  TransactionalProducer,
} from './port.ts';
import {
  addOffsets,
  addPartitions,
  endTransaction,
  initProducerIdRequest,
  produceRequest,
  txnOffsetCommitRequest,
} from './transaction-requests.ts';
import type { ProduceAnswer, ProducerIdentity } from './transaction-requests.ts';

/** Bytes of one produce request; a broker takes 100 MiB (`socket.request.max.bytes`). */
const REQUEST_BYTES_MAX = 16 * 1024 * 1024;

/** Milliseconds between two questions whether the transaction before is ended. */
const MARKERS_POLL_MS = 5;
const MARKERS_WAIT_MAX_MS = 30_000;

const TIMED_OUT = 'kafka.transaction_timed_out';

/** What the part of the port that produces is given. */
export interface ProducerOptions {
  readonly context: ClientContext;
  readonly cluster: Cluster;
  readonly connections: Connections;
  readonly transactionalId: string;
  /** Milliseconds after which the broker aborts a transaction that was left open. */
  readonly transactionTimeoutMs: number;
}

/** Initialises the transactional id. @throws Failure; the order is `retry` when the coordinator could not be reached */
export async function openTransactionalProducer(options: ProducerOptions): Promise<TransactionalProducer> {
  return new Producer(options, await initialise(options));
}

function initialise(options: ProducerOptions, current?: ProducerIdentity): Promise<ProducerIdentity> {
  const { connections, transactionalId, transactionTimeoutMs } = options;
  const request = initProducerIdRequest(transactionalId, transactionTimeoutMs, current);
  return askCoordinator(options, (coordinator) => connections.send(coordinator, request));
}

/**
 * The step after a commit or an abort commonly comes while the coordinator still writes its markers, which takes
 * milliseconds; a growing backoff would wait far too long.
 * @throws Failure `kafka.transaction_stuck` (restart)
 */
function askCoordinator<T>(
  { context, cluster, transactionalId }: ProducerOptions,
  ask: (coordinator: BrokerAddress) => Promise<T>,
): Promise<T> {
  const { clock } = context;
  const giveUpAt = clock.now() + MARKERS_WAIT_MAX_MS;
  return cluster.withCoordinator('transaction', transactionalId, async (coordinator) => {
    for (;;)
      try {
        return await ask(coordinator);
      } catch (error) {
        if (!isBrokerError(error, ERROR.concurrentTransactions)) throw error;
        if (clock.now() > giveUpAt) throw stuck(transactionalId, error);
        await clock.sleep(MARKERS_POLL_MS);
      }
  });
}

function stuck(transactionalId: string, cause: Failure): Failure {
  return new Failure(
    'kafka.transaction_stuck',
    'restart',
    `transactional id ${transactionalId}: the transaction before is not ended after ${MARKERS_WAIT_MAX_MS} ms`,
    { cause, fix: 'see that all partitions of the transaction have a leader: its markers cannot be written' },
  );
}

/**
 * Transactions of one transactional id, with one batch in flight per partition. After a failed send or sendOffsets
 * only abort() helps: what reached the log is then uncertain, so abort() also takes a new epoch, which it gets
 * only while this producer is still the owner. After a failed commit or abort the producer is of no use any more:
 * abort() does nothing then, and begin() refuses.
 */
class Producer implements TransactionalProducer {
  readonly #options: ProducerOptions;
  readonly #sequences = new Map<string, number>();
  readonly #partitions = new Set<string>();
  readonly #groups = new Set<string>();
  #identity: ProducerIdentity;
  #state: 'idle' | 'open' | 'failed' | 'closed' = 'idle';
  #busy = false;

  constructor(options: ProducerOptions, identity: ProducerIdentity) {
    this.#options = options;
    this.#identity = identity;
  }

  begin(): void {
    assert(this.#state === 'idle' && !this.#busy, `begin() while the producer is ${this.#state}`);
    this.#state = 'open';
  }

  async send(records: readonly ProducerRecord[]): Promise<readonly PartitionOffset[]> {
    this.#assertOpen('send');
    const queues = queueByPartition(records);
    return this.#step(async () => {
      await this.#register(queues);
      for (const queue of queues) queue.start(this.#sequences.get(partitionKey(queue)) ?? 0);
      await this.#deliver(queues);
      for (const queue of queues) this.#sequences.set(partitionKey(queue), queue.sequence);
      return queues.map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: nextOffset }));
    });
  }

  async sendOffsets(group: GroupMetadata, offsets: readonly PartitionOffset[]): Promise<void> {
    this.#assertOpen('sendOffsets');
    const { cluster, connections, transactionalId } = this.#options;
    if (offsets.length === 0) return;
    if (group.generationId < 0 || group.memberId === '') throw notAMember(group);
    return this.#step(async () => {
      if (!this.#groups.has(group.groupId)) {
        this.#groups.add(group.groupId);
        await askCoordinator(this.#options, (coordinator) =>
          addOffsets(connections, coordinator, transactionalId, this.#identity, group.groupId),
        );
      }
      const request = txnOffsetCommitRequest(transactionalId, this.#identity, group, offsets);
      await cluster.withCoordinator('group', group.groupId, (coordinator) =>
        connections.send(coordinator, request),
      );
    });
  }

  async commit(): Promise<void> {
    this.#assertOpen('commit');
    let uncertain = false;
    try {
      if (this.#isEmpty()) return this.#settle('idle');
      await this.#step(() => this.#end('commit', () => (uncertain = true)));
      this.#settle('idle');
    } catch (error) {
      this.#state = 'closed';
      if (orderFor(error) === 'fenced' || !uncertain) throw error;
      throw new Failure(
        'kafka.commit_unknown',
        'restart',
        `transactional id ${this.#options.transactionalId}: no answer says whether its transaction was committed`,
        { cause: error, fix: 'open a new producer and read the committed offsets: they tell the outcome' },
      );
    }
  }

  async abort(): Promise<void> {
    assert(!this.#busy, 'abort() while another call is running');
    // What a producer that was given up has left open, the next one of its transactional id ends.
    if (this.#state === 'idle' || this.#state === 'closed') return;
    const failed = this.#state === 'failed';
    try {
      if (!this.#isEmpty()) await this.#end('abort').catch((error: unknown) => this.#excuse(error, failed));
      if (failed) {
        this.#identity = await initialise(this.#options, this.#identity);
        this.#sequences.clear();
      }
      this.#settle('idle');
    } catch (error) {
      this.#state = 'closed';
      throw abortable(error, this.#options.transactionalId);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = this.#state === 'open' || this.#state === 'failed';
    if (open && !this.#busy && !this.#isEmpty())
      // The transaction's timeout ends it if this cannot; until then it only holds readers back.
      await this.#end('abort').catch((error: unknown) =>
        this.#options.context.log.debug({ err: error }, 'the open transaction is left to its timeout'),
      );
    this.#state = 'closed';
  }

  #assertOpen(what: string): void {
    assert(this.#state === 'open', `${what}() while the producer is ${this.#state}`);
    assert(!this.#busy, `${what}() while another call is running`);
  }

  #isEmpty(): boolean {
    return this.#partitions.size === 0 && this.#groups.size === 0;
  }

  #settle(state: 'idle'): void {
    this.#partitions.clear();
    this.#groups.clear();
    this.#state = state;
  }

  async #step<T>(run: () => Promise<T>): Promise<T> {
    this.#busy = true;
    try {
      return await run();
    } catch (error) {
      this.#state = 'failed';
      throw await this.#judge(error);
    } finally {
      this.#busy = false;
    }
  }

  /**
   * The broker refuses the epoch of a producer that has a successor, and of one whose transaction timed out, with the
   * same code. Asking for a new epoch in the name of the old one tells: only without a successor is it given.
   */
  async #judge(error: unknown): Promise<unknown> {
    const { transactionalId, transactionTimeoutMs } = this.#options;
    if (orderFor(error) !== 'fenced') return abortable(error, transactionalId);
    try {
      this.#identity = await initialise(this.#options, this.#identity);
    } catch {
      return error;
    }
    this.#partitions.clear();
    this.#groups.clear();
    this.#sequences.clear();
    return new Failure(
      TIMED_OUT,
      'restart',
      `transactional id ${transactionalId}: its transaction was open for more than ${transactionTimeoutMs} ms, so the broker aborted it`,
      { cause: error, fix: 'commit more often, or give the transaction more time' },
    );
  }

  /** Rethrows, unless the transaction that was to be aborted is known to be gone or about to be. */
  async #excuse(error: unknown, failed: boolean): Promise<void> {
    // The coordinator may never have heard of a transaction that failed; the new epoch settles that.
    if (failed && isBrokerError(error, ERROR.invalidTxnState)) return;
    const judged = await this.#judge(error);
    if (!(judged instanceof Failure && judged.code === TIMED_OUT)) throw judged;
  }

  /** Adds the partitions that are new in this transaction, all in one request. */
  async #register(queues: readonly PartitionQueue[]): Promise<void> {
    const added: TopicPartition[] = queues.filter((queue) => !this.#partitions.has(partitionKey(queue)));
    if (added.length === 0) return;
    for (const partition of added) this.#partitions.add(partitionKey(partition));
    const { connections, transactionalId } = this.#options;
    await askCoordinator(this.#options, (coordinator) =>
      addPartitions(connections, coordinator, transactionalId, this.#identity, added),
    );
  }

  /** Rounds of one batch per partition, until all are acknowledged. */
  async #deliver(queues: readonly PartitionQueue[]): Promise<void> {
    const { clock, random } = this.#options.context;
    const { transactionTimeoutMs, cluster } = this.#options;
    const giveUpAt = clock.now() + Math.max(transactionTimeoutMs, REQUEST_TIMEOUT_MS);
    let attempt = 0;
    for (let pending = queues.filter((queue) => !queue.done); pending.length > 0;) {
      const topics = pending.filter(({ topic, partition }) => cluster.leader(topic, partition) === undefined);
      if (topics.length > 0)
        await cluster.retry(REQUEST_RETRY, () => cluster.refresh([...new Set(topics.map((t) => t.topic))]));
      const failure = await this.#round(pending);
      pending = pending.filter((queue) => !queue.done);
      if (failure === undefined) {
        attempt = 0;
        continue;
      }
      if (clock.now() > giveUpAt) throw failure;
      await clock.sleep(backoffMs(REQUEST_RETRY, Math.min(attempt++, 10), random));
    }
  }

  /** Resolves to an error that passes by itself, if a partition met one. */
  async #round(pending: readonly PartitionQueue[]): Promise<Failure | undefined> {
    const { cluster } = this.#options;
    const byLeader = Map.groupBy(pending, ({ topic, partition }) => cluster.leader(topic, partition));
    const failures = await Promise.all(
      [...byLeader].map(([leader, queues]) =>
        leader === undefined ? noLeader(queues) : this.#produce(leader, queues),
      ),
    );
    return failures.find((failure) => failure !== undefined);
  }

  async #produce(leader: number, queues: readonly PartitionQueue[]): Promise<Failure | undefined> {
    const { cluster, connections, transactionalId } = this.#options;
    const sent: PartitionQueue[] = [];
    const batches = [];
    let size = 0;
    for (const queue of queues) {
      const bytes = queue.head(this.#identity);
      if (size > 0 && size + bytes.length > REQUEST_BYTES_MAX) break;
      size += bytes.length;
      sent.push(queue);
      batches.push({ topic: queue.topic, partition: queue.partition, bytes });
    }
    try {
      const request = produceRequest(transactionalId, REQUEST_TIMEOUT_MS, batches);
      const answers = await connections.send(cluster.address(leader), request);
      return this.#take(sent, answers);
    } catch (error) {
      // The same batch may go out again, here or to a new leader: the broker knows it by its sequence number.
      if (!isConnectionError(error) && orderFor(error) !== 'retry') throw error;
      for (const { topic } of sent) cluster.forgetLeader(topic);
      return error as Failure;
    }
  }

  #take(sent: readonly PartitionQueue[], answers: readonly ProduceAnswer[]): Failure | undefined {
    const byPartition = new Map(answers.map((answer) => [partitionKey(answer), answer]));
    let passing: Failure | undefined;
    for (const queue of sent) {
      const answer = must(byPartition.get(partitionKey(queue)), `no produce answer for ${queue.topic}`);
      if (answer.errorCode === ERROR.none) queue.acknowledge(answer.baseOffset);
      else if (answer.errorCode === ERROR.messageTooLarge || answer.errorCode === ERROR.recordListTooLarge)
        queue.split();
      else
        try {
          check(answer.errorCode, `producing to ${queue.topic}-${queue.partition}`);
        } catch (error) {
          if (orderFor(error) !== 'retry') throw error;
          this.#options.cluster.forgetLeader(queue.topic);
          passing ??= error as Failure;
        }
    }
    return passing;
  }

  /** Ends the transaction, again and again until an answer comes: the coordinator takes a repetition for what it is. */
  #end(outcome: 'commit' | 'abort', onUncertain: () => void = () => undefined): Promise<void> {
    const { connections, transactionalId } = this.#options;
    return askCoordinator(this.#options, async (coordinator) => {
      try {
        await endTransaction(connections, coordinator, transactionalId, this.#identity, outcome);
      } catch (error) {
        if (isConnectionError(error) || isBrokerError(error, ERROR.requestTimedOut)) onUncertain();
        throw error;
      }
    });
  }
}

function noLeader([queue]: readonly PartitionQueue[]): Promise<Failure> {
  const where = queue === undefined ? 'a partition' : `${queue.topic}-${queue.partition}`;
  return Promise.resolve(new Failure('kafka.leader_not_available', 'retry', `${where} has no leader`));
}

/** The broker takes offsets that name no membership from anybody, also from a zombie (KIP-447). */
function notAMember({ groupId }: GroupMetadata): Failure {
  return new Failure(
    'kafka.not_a_member',
    'restart',
    `group ${groupId} has forgotten this member: its offsets belong to whoever has the partitions now`,
    { fix: 'rejoin the group and go on from the committed offsets' },
  );
}

/** An error that did not pass within the bounds leaves a transaction that can only be aborted. */
function abortable(error: unknown, transactionalId: string): unknown {
  if (!(error instanceof Failure) || error.order !== 'retry') return error;
  return new Failure(
    'kafka.transaction_failed',
    'restart',
    `transactional id ${transactionalId}: the transaction must be aborted: ${error.message}`,
    { cause: error },
  );
}
