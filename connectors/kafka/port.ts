/**
 * The Kafka port: all that Millrace asks of a Kafka client. Nothing above it knows which client carries it.
 * Offsets and timestamps are numbers (exact up to 2^53; timestamps in milliseconds); bytes are Buffers.
 */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface Header {
  readonly key: string;
  readonly value: Buffer | null;
}

export interface ConsumerRecord extends TopicPartition {
  readonly offset: number;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

/** What a producer sends. The partition is always explicit: see partitioner.ts. */
export interface ProducerRecord extends TopicPartition {
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: readonly Header[];
}

/** One partition's part of a poll, in read-committed mode: no control records, nothing of aborted transactions. */
export interface FetchedBatch extends TopicPartition {
  readonly records: readonly ConsumerRecord[];
  /** Where the next poll reads: past control, aborted and compacted records too. Commit this, not the last record's offset + 1. */
  readonly nextOffset: number;
  /** The end of what a read-committed reader could see when the broker answered. */
  readonly lastStableOffset: number;
}

export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
}

/** A membership of a consumer group, as transactions name it to be fenced by generation (KIP-447). */
export interface GroupMetadata {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
}

/** `<topic>` to partition numbers, ascending. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

/** Transactional sends of one `transactional.id`. One transaction at a time; not for concurrent use. */
export interface TransactionalProducer extends AsyncDisposable {
  begin(): void;
  /**
   * Sends records of any number of partitions, and resolves when all are acknowledged (acks=all) with the offset
   * after the last one of each partition. At most one batch is in flight per partition.
   */
  send(records: readonly ProducerRecord[]): Promise<readonly PartitionOffset[]>;
  /** Makes the offsets part of the transaction; the group's coordinator refuses them from an old generation. */
  sendOffsets(group: GroupMetadata, offsets: readonly PartitionOffset[]): Promise<void>;
  /** @throws Failure `kafka.commit_unknown` (restart): make a new producer, read committed offsets again */
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/** A read-committed reader of assigned partitions. Fetches ahead, bounded in bytes. */
export interface Fetcher extends AsyncDisposable {
  /** Replaces the assignment; reading starts at the given offsets. */
  assign(partitions: readonly PartitionOffset[]): void;
  /** What has arrived since the last poll; waits up to `maxWaitMs` for something. Empty batches report progress past control records. */
  poll(maxWaitMs: number): Promise<readonly FetchedBatch[]>;
  /** A paused partition is not fetched; what had arrived already still comes out of poll. */
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
}

export interface GroupListener {
  /** Awaited after each rebalance that gives this member partitions, before heartbeats report it stable. */
  onAssigned(assignment: Assignment, group: GroupMetadata): Promise<void>;
  /** Awaited before the member rejoins: commit and let go. Not called when the membership is already lost. */
  onRevoked(assignment: Assignment): Promise<void>;
  /** The coordinator forgot this member (it was too slow): drop all work of the old assignment, commit nothing. */
  onLost(assignment: Assignment): Promise<void>;
}

/** `co-partitioned`: partition i of every topic goes to one member (needs equal partition counts). */
export type AssignmentStrategy = 'co-partitioned' | 'range';

export interface GroupOptions {
  readonly groupId: string;
  /** Topics that are assigned together; each inner list is one sub-topology, co-partitioned within itself. */
  readonly topics: readonly (readonly string[])[];
  readonly strategy: AssignmentStrategy;
  /** Milliseconds without a heartbeat after which the group goes on without this member. Default 10000. */
  readonly sessionTimeoutMs?: number;
  readonly listener: GroupListener;
  /**
   * When it aborts, a join that waits for other members (for as long as a rebalance may take) is given up: checkpoint()
   * resolves, and this member has nothing assigned.
   */
  readonly signal?: AbortSignal;
}

/** Keeps the membership alive in the background (heartbeats do not depend on what the owner is doing). */
export interface GroupMember extends AsyncDisposable {
  readonly metadata: GroupMetadata;
  /**
   * To be called between batches by the owner's loop: runs a due rebalance (onRevoked, rejoin, onAssigned) to its end.
   * Cheap when none is due. Rebalances run nowhere else, so a listener never interleaves with the loop.
   */
  checkpoint(): Promise<void>;
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

export interface Kafka extends AsyncDisposable {
  /**
   * Creates the topics that are missing (replication factor: the broker's default) and verifies the others.
   * @throws Failure `kafka.topic_drift` (stop): an existing topic has other partitions or another cleanup.policy
   */
  ensureTopics(topics: readonly TopicSpec[]): Promise<void>;
  /** Number of partitions. @throws Failure `kafka.topic_missing` (stop) */
  partitionCount(topic: string): Promise<number>;
  /** Resolves when the topic exists. */
  waitForTopics(topics: readonly string[], signal: AbortSignal): Promise<void>;
  /** Initialises the transactional id: ends what an earlier owner left open and fences it. Default timeout 10 s. */
  openProducer(transactionalId: string, transactionTimeoutMs?: number): Promise<TransactionalProducer>;
  openFetcher(): Fetcher;
  joinGroup(options: GroupOptions): Promise<GroupMember>;
  /** Committed offsets that are stable (require_stable, KIP-447), null where none is. */
  committedOffsets(
    groupId: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly (number | null)[]>;
  /** Commits outside of a transaction, so that lag tools see a consumer that keeps its offsets elsewhere. */
  commitOffsets(group: GroupMetadata, offsets: readonly PartitionOffset[]): Promise<void>;
  /** `high-watermark` counts records of open transactions, `last-stable` what a read-committed reader can reach. */
  listOffsets(
    partitions: readonly TopicPartition[],
    which: 'earliest' | 'high-watermark' | 'last-stable',
  ): Promise<readonly number[]>;
}

export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
}
