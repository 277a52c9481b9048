import { Failure, orderFor } from '../../infra/process/failure.ts';
import { REQUEST_RETRY } from './cluster.ts';
import { Delivery } from './delivery.ts';
import { checkSizes } from './partition-queue.ts';
import type { PartitionOffset, Producer, ProducerRecord } from './port.ts';
import { RecordBytes } from './record-bytes.ts';
import { type RecordList, readRecord } from './record-list.ts';
import { Sender } from './sender.ts';
import type { SenderOptions } from './sender.ts';
import { initProducerIdRequest } from './transaction-requests.ts';
import type { ProducerIdentity } from './transaction-requests.ts';

type ProducerOptions = Omit<SenderOptions, 'transactionalId'>;

/** Takes a producer id. @throws Failure of order `retry` when no broker could be reached */
export async function openIdempotentProducer(options: ProducerOptions): Promise<Producer> {
  return new IdempotentProducer(options, await newIdentity(options));
}

function newIdentity({ cluster, connections }: ProducerOptions): Promise<ProducerIdentity> {
  const request = initProducerIdRequest(null, 0);
  return cluster.retry(REQUEST_RETRY, () => cluster.askAny((address) => connections.send(address, request)));
}

/**
 * Each record once in the log as long as send() resolves. A failure rejects all that is not acknowledged; what was
 * in flight then may or may not be in the log. The next send() goes on under a new producer id.
 */
class IdempotentProducer implements Producer {
  readonly #options: ProducerOptions;
  readonly #sender: Sender;
  /** Sends that wait for room, in order: the next one appends after them. */
  #turn: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  #closed = false;

  constructor(options: ProducerOptions, identity: ProducerIdentity) {
    this.#options = options;
    this.#sender = new Sender({ ...options, transactionalId: null }, identity);
  }

  async send(records: readonly ProducerRecord[] | RecordList): Promise<readonly PartitionOffset[]> {
    if (this.#closed) throw new Failure('kafka.closed', 'stop', 'send() after the producer was closed');
    checkSizes(records);
    const delivery = new Delivery();
    const appended = this.#turn.then(() => this.#append(records, delivery));
    this.#turn = appended.catch(() => undefined);
    try {
      await appended;
      return await delivery.done;
    } catch (error) {
      this.#failure ??= { error };
      throw lasting(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#turn;
    await this.#sender.drained();
  }

  async #append(records: readonly ProducerRecord[] | RecordList, delivery: Delivery): Promise<void> {
    if (this.#failure !== undefined) await this.#recover(this.#failure.error);
    const sender = this.#sender;
    const record = new RecordBytes();
    for (let i = 0; i < records.length; i++) {
      if (sender.isFull) {
        sender.release(sender.partitions);
        await sender.room();
      }
      sender.append(readRecord(records, i, record), delivery);
    }
    sender.release(sender.partitions);
    delivery.complete();
  }

  /** Numbers of the old id that were given out and not acknowledged cannot be used again. */
  async #recover(error: unknown): Promise<void> {
    await this.#sender.reset(error);
    this.#sender.restart(await newIdentity(this.#options));
    this.#failure = undefined;
  }
}

/** An error that did not pass within the delivery timeout. */
function lasting(error: unknown): unknown {
  if (orderFor(error) !== 'retry') return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new Failure('kafka.delivery_timeout', 'restart', `records were not delivered in time: ${reason}`, {
    cause: error,
    fix: 'see that the partition has a leader and enough in-sync replicas, then send them again',
  });
}
