import { assert } from '../../infra/process/assert.ts';
import { Failure, orderFor } from '../../infra/process/failure.ts';
import { partitionKey } from './by-topic.ts';
import { isConnectionError } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { REQUEST_TIMEOUT_MS } from './connections.ts';
import type { BrokerAddress, ClientContext, Connections } from './connections.ts';
import type { Compression } from './compression.ts';
import { Delivery } from './delivery.ts';
import { ERROR, isBrokerError } from './error-code.ts';
import { checkSizes } from './partition-queue.ts';
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
  txnOffsetCommitRequest,
} from './transaction-requests.ts';
import type { ProducerIdentity } from './transaction-requests.ts';
import { RecordBytes } from './record-bytes.ts';
import { type RecordList, readRecord } from './record-list.ts';
import { Sender } from './sender.ts';

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
  readonly compression: Compression;
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
  readonly #sender: Sender;
  readonly #partitions = new Set<string>();
  readonly #groups = new Set<string>();
  #identity: ProducerIdentity;
  #state: 'idle' | 'open' | 'failed' | 'closed' = 'idle';
  #busy = false;

  constructor(options: ProducerOptions, identity: ProducerIdentity) {
    this.#options = options;
    this.#identity = identity;
    const { transactionTimeoutMs } = options;
    const deliveryTimeoutMs = Math.max(transactionTimeoutMs, REQUEST_TIMEOUT_MS);
    this.#sender = new Sender({ ...options, deliveryTimeoutMs }, identity);
  }

  begin(): void {
    assert(this.#state === 'idle' && !this.#busy, `begin() while the producer is ${this.#state}`);
    this.#state = 'open';
  }

  async send(records: readonly ProducerRecord[] | RecordList): Promise<readonly PartitionOffset[]> {
    this.#assertOpen('send');
    checkSizes(records);
    return this.#step(async () => {
      const delivery = new Delivery();
      const record = new RecordBytes();
      for (let i = 0; i < records.length; i++) {
        if (this.#sender.isFull) {
          await this.#release();
          await this.#sender.room();
        }
        this.#sender.append(readRecord(records, i, record), delivery);
      }
      await this.#release();
      delivery.complete();
      return delivery.done;
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
      if (failed) await this.#renew();
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
    this.#sender.retain();
    this.#state = state;
  }

  /** Takes a new epoch, which it gets only while this producer is still the owner. */
  async #renew(): Promise<void> {
    await this.#sender.reset(
      new Failure('kafka.transaction_aborted', 'restart', 'the transaction is aborted'),
    );
    this.#identity = await initialise(this.#options, this.#identity);
    this.#sender.restart(this.#identity);
  }

  async #step<T>(run: () => Promise<T>): Promise<T> {
    this.#busy = true;
    try {
      return await run();
    } catch (error) {
      this.#state = 'failed';
      // What is still under way must have reached the log, or not, before the transaction is ended.
      await this.#sender.reset(error);
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
    if (!isBrokerError(error, ERROR.invalidProducerEpoch, ERROR.producerFenced))
      return abortable(error, transactionalId);
    try {
      await this.#renew();
    } catch (refusal) {
      // A coordinator that cannot be asked says nothing about a successor.
      return orderFor(refusal) === 'fenced' ? error : abortable(refusal, transactionalId);
    }
    this.#partitions.clear();
    this.#groups.clear();
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

  /** Lets the waiting records go out, once the partitions that are new in this transaction are added to it, all at once. */
  async #release(): Promise<void> {
    const waiting = [...this.#sender.partitions];
    const added = waiting.filter((partition) => !this.#partitions.has(partitionKey(partition)));
    if (added.length > 0) await this.#register(added);
    this.#sender.release(waiting);
  }

  async #register(added: readonly TopicPartition[]): Promise<void> {
    for (const partition of added) this.#partitions.add(partitionKey(partition));
    const { connections, transactionalId } = this.#options;
    await askCoordinator(this.#options, (coordinator) =>
      addPartitions(connections, coordinator, transactionalId, this.#identity, added),
    );
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
