import type { NodeId } from './kafka-cluster.ts';
import { kafkaSettings } from './kafka-settings.ts';

/** Where one node listens, and what it tells others. */
interface NodeAddresses {
  readonly id: NodeId;
  readonly broker: string;
  readonly controller: string;
  readonly advertised: string;
  /** `id@host:port` of each controller, comma-separated. */
  readonly voters: string;
}

/**
 * One of three nodes. A lost one is noticed in seconds, leaderships move only when asked for, an acknowledged record is
 * on two nodes at least, and compaction runs at once.
 */
export function clusterSettings(node: NodeAddresses): Readonly<Record<string, string>> {
  return {
    ...kafkaSettings(node),
    'node.id': String(node.id),
    'controller.quorum.voters': node.voters,
    ...REPLICATION,
    ...FAILURE_DETECTION,
    ...COMPACTION,
    'group.min.session.timeout.ms': '1000',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  };
}

const REPLICATION = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'share.coordinator.state.topic.replication.factor': '3',
  'share.coordinator.state.topic.min.isr': '2',
  // A multiple of the nodes, so that every node coordinates something.
  'offsets.topic.num.partitions': '6',
  'transaction.state.log.num.partitions': '6',
  'auto.leader.rebalance.enable': 'false',
};

const FAILURE_DETECTION = {
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
  'replica.lag.time.max.ms': '3000',
  'replica.fetch.wait.max.ms': '250',
  'replica.socket.timeout.ms': '3000',
  'controlled.shutdown.retry.backoff.ms': '500',
  // A frozen controller accepts requests and answers none; by default a broker waits 30 s for it.
  'controller.socket.timeout.ms': '2000',
};

const COMPACTION = {
  // The smallest that Kafka 4 allows (KIP-1030).
  'log.segment.bytes': '1048576',
  'log.cleaner.backoff.ms': '500',
  'log.cleaner.min.cleanable.ratio': '0.01',
  'log.initial.task.delay.ms': '500',
  'log.retention.check.interval.ms': '1000',
};
