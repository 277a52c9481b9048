import type { Compression } from './compression.ts';
import type { RecordList } from './record-list.ts';
import type { SecurityOptions } from './security.ts';

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

/**
 * A record as it was fetched. Key, value and headers are cut out of the fetched bytes each time they are asked for:
 * they are getters, so keep what is needed twice, and name them in a copy (`{ ...record }` has none of them).
 */
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
  /** Of a static member (KIP-345). */
  readonly groupInstanceId?: string;
}

/** `<topic>` to partition numbers, ascending. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

export interface ProducerOptions {
  /** How batches are compressed (`compression.type`). Default: that of the client. */
  readonly compression?: Compression;
}

export interface TransactionalProducerOptions extends ProducerOptions {
  /** Milliseconds after which the broker aborts a transaction that its producer left open. Default 10000. */
  readonly transactionTimeoutMs?: number;
}

/**
 * Idempotent sends without transactions: at least once. What send() has acknowledged is in the log once (KIP-98);
 * what a failed send() carried may be there or not.
 */
export interface Producer extends AsyncDisposable {
  /**
   * Resolves when all records are acknowledged (acks=all) with the offset after the last one of each partition. Calls
   * may overlap: the records of a partition keep the order of the calls. Waits while 32 MiB are unacknowledged.
   * @throws Failure `kafka.record_too_large` (dead-letter) before anything is sent, `kafka.delivery_timeout` (restart)
   */
  send(records: readonly ProducerRecord[] | RecordList): Promise<readonly PartitionOffset[]>;
}

/** Transactional sends of one `transactional.id`. One transaction at a time; not for concurrent use. */
export interface TransactionalProducer extends AsyncDisposable {
  begin(): void;
  /**
   * Sends records of any number of partitions, and resolves when all are acknowledged (acks=all) with the offset
   * after the last one of each partition. At most one batch is in flight per partition.
   */
  send(records: readonly ProducerRecord[] | RecordList): Promise<readonly PartitionOffset[]>;
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
  /**
   * Goes on at other offsets, for partitions that are assigned: what had arrived of them is dropped, a pause stays.
   * Nothing is committed by it.
   */
  seek(offsets: readonly PartitionOffset[]): void;
  /** A paused partition is not fetched; what had arrived already still comes out of poll. */
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
}

/** What an assignment brings beside partitions, and for how long it stands. */
export interface AssignmentTerm {
  /** Tasks of others whose stores this member is to keep a copy of. */
  readonly standbys: readonly TaskName[];
  /** Aborts when another rebalance is due or the membership is lost: what is under way for the assignment can be left. */
  readonly signal: AbortSignal;
}

export interface GroupListener {
  /**
   * Awaited after each rebalance that gives this member partitions or standbys, before heartbeats report it stable. The others wait for
   * a member that lasts beyond the end of its term, and in the end go on without it.
   */
  onAssigned(assignment: Assignment, group: GroupMetadata, term: AssignmentTerm): Promise<void>;
  /** Awaited before the member rejoins: commit and let go. Not called when the membership is already lost. */
  onRevoked(assignment: Assignment): Promise<void>;
  /** The coordinator forgot this member (it was too slow): drop all work of the old assignment, commit nothing. */
  onLost(assignment: Assignment): Promise<void>;
}

export interface TaskName {
  /** Index in {@link GroupOptions.topics}. */
  readonly subTopology: number;
  readonly partition: number;
}

/** How far a member's stores of one task are: the larger the position, the less is to be restored. */
export interface TaskPosition extends TaskName {
  /** Sum of the changelog offsets that the stores hold. */
  readonly position: number;
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
  /**
   * Makes the member static (KIP-345): unique in the group, and the same after a restart. A process that comes back
   * within the session timeout, after a kill too, gets its old assignment at once, and the others notice nothing. The
   * id belongs to whoever joined last: an older process that still carries it is told `kafka.fenced_instance_id`
   * (fenced) and stops. Letters, digits, dots, underscores and hyphens.
   */
  readonly groupInstanceId?: string;
  /**
   * Whether disposing the member gives its partitions to the others at once. Default: true for a dynamic member, false
   * for a static one, which cannot know whether it is stopped for good or to be started again: had it left, its tasks
   * would move twice and their state be restored twice. A static member that does not come back is missed after the
   * session timeout; say `true` where it is known that it will not.
   */
  readonly leaveOnClose?: boolean;
  /**
   * Identifies what the members compute. It is part of the protocol's name, so that the coordinator itself keeps members
   * of unlike plans apart: a group goes on undisturbed with the plan that it has, and who comes with another one waits
   * a session timeout for the others to be gone and is refused then, `kafka.plan_mismatch` (stop).
   */
  readonly planHash?: string;
  /** What this member could go on with, asked at each join. A task that is not named has position 0. */
  readonly taskPositions?: () => readonly TaskPosition[];
  /**
   * Offsets that a task's stores may be behind the best and still be as good. Default 10000, as Kafka Streams'
   * acceptable.recovery.lag.
   */
  readonly acceptableRecoveryLag?: number;
  /** How many other members keep a copy of a task's stores, by sub-topology, as the leader has it. Default: none. */
  readonly standbyReplicas?: readonly number[];
  readonly listener: GroupListener;
  /**
   * When it aborts, a join that waits for other members (for as long as a rebalance may take) is given up: checkpoint()
   * resolves, and this member has nothing assigned.
   */
  readonly signal?: AbortSignal;
}

/** Keeps the membership alive in the background (heartbeats do not depend on what the owner is doing). */
export interface GroupMember extends AsyncDisposable {
  /** As of the last join; the generation is -1 while there is none. */
  readonly metadata: GroupMetadata;
  /**
   * To be called between batches by the owner's loop: runs a due rebalance (onRevoked, rejoin, onAssigned) to its end.
   * Cheap when none is due. Rebalances run nowhere else, so a listener never interleaves with the loop.
   * @throws Failure `kafka.fenced_instance_id` (fenced), `kafka.plan_mismatch` (stop), and what the listener throws
   */
  checkpoint(): Promise<void>;
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** Default: the broker's default.replication.factor. */
  readonly replicationFactor?: number;
  /** Replicas that must have a record before it counts as written. Default: the broker's min.insync.replicas. */
  readonly minInsyncReplicas?: number;
  readonly config: Readonly<Record<string, string>>;
  /**
   * The application's own, which nobody else reads or configures: its settings are brought in line with `config` where
   * that can lose nothing. Any other topic is left as it is once it exists. Default false.
   */
  readonly internal?: boolean;
}

export interface ConfigChange {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** Something of a topic that is not as planned and that only its owner may change. */
export interface TopicDrift {
  readonly topic: string;
  /** `partitions`, `replicas` or the name of a setting. */
  readonly what: string;
  readonly wanted: string;
  readonly found: string;
  readonly fix: string;
}

/** What it takes to have the topics as specified. */
export interface TopicPlan {
  readonly create: readonly TopicSpec[];
  readonly alter: readonly { readonly topic: string; readonly set: readonly ConfigChange[] }[];
  readonly drift: readonly TopicDrift[];
}

/** A setting in force. */
export interface TopicConfig {
  /** Null when the broker does not tell it. */
  readonly value: string | null;
  /** Who has set it: the topic itself, or a broker for all topics, or nobody. */
  readonly source: 'topic' | 'broker' | 'default';
}

export interface GroupListing {
  readonly groupId: string;
  /** `consumer` for groups of consumers. */
  readonly protocolType: string;
  /** As the broker names it: Stable, Empty, PreparingRebalance, CompletingRebalance, Dead. */
  readonly state: string;
}

export interface GroupMemberDescription {
  readonly memberId: string;
  /** Null for a dynamic member. */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  /** Empty while the group is not stable. */
  readonly assignment: Assignment;
}

export interface GroupDescription extends GroupListing {
  /** The assignor that the members have agreed on; empty while the group is not stable. */
  readonly protocol: string;
  readonly members: readonly GroupMemberDescription[];
}

export interface PartitionLag extends TopicPartition {
  /** Null when the group has committed none. */
  readonly committed: number | null;
  /** First offset that the log still holds. */
  readonly start: number;
  /** The last stable offset: what a read-committed reader can reach. */
  readonly end: number;
  /** Offsets from the committed one (or the start, whichever is later) to the end; control records count. */
  readonly lag: number;
}

/** Topics and groups: planned, verified, looked at. */
export interface Admin {
  /**
   * Compares topics with what is there, and changes nothing: what would be created or altered is validated by the broker.
   * @throws Failure (stop) in the broker's words when it refuses a part of the plan, as `kafka.invalid_config`
   */
  planTopics(topics: readonly TopicSpec[]): Promise<TopicPlan>;
  /**
   * Creates and alters as planned. A topic that somebody else creates meanwhile is verified like one that was there.
   * @throws Failure `kafka.topic_drift` (stop) with everything that drifts; nothing is changed then
   */
  applyTopicPlan(plan: TopicPlan): Promise<void>;
  /**
   * Plans and applies: creates the topics that are missing, alters internal ones where that is safe, verifies the others.
   * @throws Failure `kafka.topic_drift` (stop): an existing topic has other partitions or another cleanup.policy
   */
  ensureTopics(topics: readonly TopicSpec[]): Promise<void>;
  /** Number of partitions. @throws Failure `kafka.topic_missing` (stop) */
  partitionCount(topic: string): Promise<number>;
  /** Resolves when the topic exists. */
  waitForTopics(topics: readonly string[], signal: AbortSignal): Promise<void>;
  /** All settings of a topic by name. @throws Failure `kafka.topic_missing` (stop) */
  describeConfigs(topic: string): Promise<ReadonlyMap<string, TopicConfig>>;
  /** All groups of the cluster, sorted by id. */
  listGroups(): Promise<readonly GroupListing[]>;
  /** In the order asked. A group that does not exist is `Dead` and has no members. */
  describeGroups(groupIds: readonly string[]): Promise<readonly GroupDescription[]>;
  /** How far a group is behind on all partitions of the topics. @throws Failure `kafka.topic_missing` (stop) */
  groupLag(groupId: string, topics: readonly string[]): Promise<readonly PartitionLag[]>;
  /**
   * Deletes the records below the given offsets (KIP-107); resolves with where each log now starts, which is later when
   * more had been deleted before. The offsets must not be past the high watermark.
   * @throws Failure `kafka.policy_violation` (stop): the topic is compacted, `kafka.offset_out_of_range` (stop)
   */
  deleteRecords(offsets: readonly PartitionOffset[]): Promise<readonly PartitionOffset[]>;
  /** Those of the topics that exist, in the order asked. */
  existingTopics(topics: readonly string[]): Promise<readonly string[]>;
  /**
   * Deletes topics with all that is in them; resolves when no broker tells of them any more, with those that were there.
   * @throws Failure (stop) that names all that the broker refuses, as `kafka.topic_authorization_failed`,
   * `kafka.topic_deletion_disabled`; the others are deleted then
   */
  deleteTopics(topics: readonly string[]): Promise<readonly string[]>;
  /**
   * Deletes a group without members, with all offsets that it has committed; false when there is none.
   * @throws Failure `kafka.non_empty_group` (stop): it has members
   */
  deleteGroup(groupId: string): Promise<boolean>;
}

export interface Kafka extends Admin, AsyncDisposable {
  /** Initialises the transactional id: ends what an earlier owner left open and fences it. */
  openProducer(
    transactionalId: string,
    options?: TransactionalProducerOptions,
  ): Promise<TransactionalProducer>;
  openIdempotentProducer(options?: ProducerOptions): Promise<Producer>;
  openFetcher(options?: FetcherOptions): Fetcher;
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

export interface FetcherOptions {
  /** What may wait for poll, or be on its way, in all. Bytes, at least 1 MiB. Default 64 MiB. */
  readonly bufferedBytesMax?: number;
  /**
   * What one answer brings of a partition (`max.partition.fetch.bytes`); twice as much may wait for poll. Bytes, at most
   * {@link bufferedBytesMax}; a batch that is larger comes whole. Default 1 MiB.
   */
  readonly partitionBytesMax?: number;
}

export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** TLS and SASL. Default: neither. */
  readonly security?: SecurityOptions;
  /** Of producers that are opened without one of their own. Default none. */
  readonly compression?: Compression;
}
