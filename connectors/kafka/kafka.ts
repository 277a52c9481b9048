import type { Clock } from '../../infra/process/clock.ts';
import type { Log } from '../../infra/process/log.ts';
import { REQUEST_RETRY, Cluster } from './cluster.ts';
import { Connections } from './connections.ts';
import type { ClientContext } from './connections.ts';
import { deletionAdmin } from './deletion-admin.ts';
import { openFetcher } from './fetcher.ts';
import { groupAdmin } from './group-admin.ts';
import { openGroupMember } from './group-member.ts';
import { openIdempotentProducer } from './idempotent-producer.ts';
import { loadKafkajs } from './kafkajs-internals.ts';
import { offsetLookup } from './offsets.ts';
import type { Kafka, KafkaOptions } from './port.ts';
import { recordDeletion } from './record-deletion.ts';
import { openSecurity } from './security.ts';
import { topicAdmin } from './topic-admin.ts';
import { openTransactionalProducer } from './transactional-producer.ts';

/** Milliseconds after which the broker aborts a transaction that its producer left open. Open ones hold readers back. */
const TRANSACTION_TIMEOUT_MS = 10_000;

/** Milliseconds after which a record that meets only passing errors is given up (`delivery.timeout.ms`). */
const DELIVERY_TIMEOUT_MS = 120_000;

interface KafkaResources {
  readonly log: Log;
  readonly clock: Clock;
  /** Uniform in [0, 1), for the jitter of backoffs. Default Math.random. */
  readonly random?: () => number;
}

/**
 * A client of the cluster. Producers, offsets and topics share one connection to each broker; each fetcher and group
 * member has its own. Disposing closes the shared ones: dispose producers, fetchers and members first.
 * @throws Failure `kafka.connection` (retry) after half a minute without an answer from any broker,
 * `kafka.authentication` and `kafka.tls` (stop), `kafka.client_version` (stop)
 */
export async function connectKafka(options: KafkaOptions & KafkaResources): Promise<Kafka> {
  const { brokers, clientId, clock, random = Math.random, compression: usual = 'none' } = options;
  const log = options.log.child({ client: 'kafka' });
  const security = openSecurity(options.security ?? {}, clock);
  const context: ClientContext = { log, clock, random, clientId, kafkajs: loadKafkajs(), security };
  const connections = new Connections(context);
  const cluster = new Cluster(context, connections, brokers);
  try {
    await cluster.retry(REQUEST_RETRY, () => cluster.refresh([]));
  } catch (error) {
    await connections[Symbol.asyncDispose]();
    throw error;
  }
  const offsets = offsetLookup(cluster, connections);
  // A deletion is answered when all replicas have followed: commits must not queue behind it.
  const deletions = new Connections(context);
  return {
    ...topicAdmin(cluster, connections, clock),
    ...groupAdmin(cluster, connections, offsets),
    ...deletionAdmin(cluster, deletions),
    ...recordDeletion(cluster, deletions, offsets.listOffsets),
    ...offsets,
    openProducer: (
      transactionalId,
      { transactionTimeoutMs = TRANSACTION_TIMEOUT_MS, compression = usual } = {},
    ) =>
      openTransactionalProducer({
        context,
        cluster,
        connections,
        transactionalId,
        transactionTimeoutMs,
        compression,
      }),
    openIdempotentProducer: ({ compression = usual } = {}) =>
      openIdempotentProducer({
        context,
        cluster,
        connections,
        compression,
        deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
      }),
    openFetcher: (own = {}) => openFetcher({ ...own, context, cluster, listOffsets: offsets.listOffsets }),
    joinGroup: (group) => Promise.resolve(openGroupMember({ context, cluster, group })),
    async [Symbol.asyncDispose]() {
      await deletions[Symbol.asyncDispose]();
      await connections[Symbol.asyncDispose]();
    },
  };
}
