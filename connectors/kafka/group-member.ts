import { assert } from '../../infra/process/assert.ts';
import { backoffMs } from '../../infra/process/backoff.ts';
import type { BackoffPolicy } from '../../infra/process/backoff.ts';
import { Failure } from '../../infra/process/failure.ts';
import type { Log } from '../../infra/process/log.ts';
import { assignPartitions } from './assignor.ts';
import { isConnectionError } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { Connections } from './connections.ts';
import type { BrokerAddress, ClientContext } from './connections.ts';
import { ERROR, check, isBrokerError } from './error-code.ts';
import {
  PROTOCOL_TYPE,
  decodeAssignment,
  decodeOwned,
  encodeAssignment,
  encodeSubscription,
} from './group-protocol.ts';
import type { Assignment, GroupMember, GroupMetadata, GroupOptions } from './port.ts';
import { partitionCounts } from './topic-admin.ts';

const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_MAX_MS = 3_000;
/** How long the coordinator waits for all members of a group to come to a rebalance. */
const REBALANCE_TIMEOUT_MS = 60_000;
/** What an answer may take beyond the time that the coordinator itself waits. */
const ANSWER_SLACK_MS = 5_000;

/** Rounds of joining that other members' coming and going may cost. */
const REJOIN: BackoffPolicy = { initialMs: 10, maxMs: 500, attemptsMax: 200 };

export interface GroupMemberOptions {
  readonly context: ClientContext;
  readonly cluster: Cluster;
  readonly group: GroupOptions;
}

interface JoinAnswer {
  readonly errorCode: number;
  readonly generationId: number;
  readonly leaderId: string;
  readonly memberId: string;
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
}

interface SyncAnswer {
  readonly errorCode: number;
  readonly memberAssignment: Buffer | null;
}

const NOTHING: Assignment = new Map();

/** The first checkpoint joins. Disposing leaves the group without telling the listener: let go of the work before. */
export function openGroupMember(options: GroupMemberOptions): GroupMember {
  const names = options.group.topics.flat();
  assert(new Set(names).size === names.length, `a topic is in two sub-topologies: ${names.join(', ')}`);
  return new Member(options);
}

class Member implements GroupMember {
  readonly #cluster: Cluster;
  readonly #context: ClientContext;
  readonly #group: GroupOptions;
  readonly #topics: readonly string[];
  readonly #log: Log;
  readonly #giveUp: () => void;
  readonly #heartbeats: Disposable;
  readonly #sessionTimeoutMs: number;
  #connections: Connections;
  #metadata: GroupMetadata;
  /** What the listener holds. */
  #held: Assignment = NOTHING;
  /** What was held last, to be asked for again. */
  #owned: Assignment = NOTHING;
  #due: 'nothing' | 'rejoin' | 'lost' = 'rejoin';
  #joined = false;
  #beating = false;
  #rebalancing = false;
  #closed = false;

  constructor({ context, cluster, group }: GroupMemberOptions) {
    this.#cluster = cluster;
    this.#context = context;
    this.#group = group;
    this.#topics = group.topics.flat();
    this.#log = context.log.child({ group: group.groupId });
    this.#connections = new Connections(context);
    this.#sessionTimeoutMs = group.sessionTimeoutMs ?? SESSION_TIMEOUT_MS;
    this.#metadata = { groupId: group.groupId, generationId: -1, memberId: '' };
    const intervalMs = Math.min(HEARTBEAT_MAX_MS, this.#sessionTimeoutMs / 3);
    this.#heartbeats = context.clock.every(intervalMs, () => void this.#beat());
    this.#giveUp = () => this.#abandonJoin();
    group.signal?.addEventListener('abort', this.#giveUp, { once: true });
  }

  get metadata(): GroupMetadata {
    return this.#metadata;
  }

  async checkpoint(): Promise<void> {
    if (this.#due === 'nothing') return;
    assert(!this.#closed, 'checkpoint() after the member left');
    assert(!this.#rebalancing, 'checkpoint() inside a rebalance');
    this.#rebalancing = true;
    try {
      await this.#letGo();
      await this.#join();
      if (this.#held.size > 0) await this.#group.listener.onAssigned(this.#held, this.#metadata);
    } finally {
      this.#rebalancing = false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#heartbeats[Symbol.dispose]();
    this.#group.signal?.removeEventListener('abort', this.#giveUp);
    const { groupId, memberId } = this.#metadata;
    try {
      if (this.#due !== 'lost' && memberId !== '') {
        const coordinator = await this.#cluster.coordinator('group', groupId);
        await this.#connections.call(coordinator, 'LeaveGroup', 3, { groupId, memberId });
      }
    } catch (error) {
      this.#log.debug({ err: error }, 'the group learns by the session timeout that this member has left');
    } finally {
      await this.#connections[Symbol.asyncDispose]();
    }
  }

  /** Without its connection the request that waits at the coordinator fails; leaving takes a new one. */
  #abandonJoin(): void {
    if (!this.#rebalancing || this.#joined) return;
    const waiting = this.#connections;
    this.#connections = new Connections(this.#context);
    void waiting[Symbol.asyncDispose]();
  }

  /** The listener is told once, also when it fails: what it held is gone after that. */
  async #letGo(): Promise<void> {
    const held = this.#held;
    this.#held = NOTHING;
    const { listener } = this.#group;
    if (held.size > 0) await (this.#due === 'lost' ? listener.onLost(held) : listener.onRevoked(held));
    this.#joined = false;
  }

  async #join(): Promise<void> {
    const counts = await this.#partitionCounts();
    for (let attempt = 0; ; attempt++) {
      try {
        const assignment = await this.#cluster.withCoordinator('group', this.#group.groupId, (coordinator) =>
          this.#joinOnce(coordinator, counts),
        );
        this.#held = assignment;
        this.#owned = assignment;
        this.#due = 'nothing';
        this.#joined = true;
        this.#log.info({ ...this.#metadata, assignment: Object.fromEntries(assignment) }, 'joined');
        return;
      } catch (error) {
        if (this.#group.signal?.aborted) return;
        if (this.#closed || attempt + 1 >= REJOIN.attemptsMax || !this.#mayJoinAgain(error)) throw error;
        const { clock, random } = this.#context;
        await clock.sleep(backoffMs(REJOIN, Math.min(attempt, 10), random));
      }
    }
  }

  #mayJoinAgain(error: unknown): boolean {
    if (isBrokerError(error, ERROR.unknownMemberId)) this.#forgetMembership();
    return isBrokerError(
      error,
      ERROR.unknownMemberId,
      ERROR.illegalGeneration,
      ERROR.rebalanceInProgress,
      ERROR.memberIdRequired,
    );
  }

  #forgetMembership(): void {
    this.#metadata = { groupId: this.#group.groupId, generationId: -1, memberId: '' };
  }

  /** Checked by every member before it joins, so that none waits for a leader that cannot assign. */
  async #partitionCounts(): Promise<ReadonlyMap<string, number>> {
    const counts = await partitionCounts(this.#cluster, this.#topics);
    const alone = { memberId: '', owned: NOTHING };
    assignPartitions(this.#group.strategy, this.#group.topics, counts, [alone]);
    return counts;
  }

  async #joinOnce(coordinator: BrokerAddress, counts: ReadonlyMap<string, number>): Promise<Assignment> {
    const { groupId, strategy, signal } = this.#group;
    signal?.throwIfAborted();
    const joined = await this.#connections.call<JoinAnswer>(coordinator, 'JoinGroup', 5, {
      groupId,
      sessionTimeout: this.#sessionTimeoutMs,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      memberId: this.#metadata.memberId,
      protocolType: PROTOCOL_TYPE,
      groupProtocols: [{ name: strategy, metadata: encodeSubscription(this.#topics, this.#owned) }],
    });
    if (joined.errorCode === ERROR.memberIdRequired)
      this.#metadata = { groupId, generationId: -1, memberId: joined.memberId };
    check(joined.errorCode, `joining group ${groupId}`);
    const { generationId, memberId } = joined;
    this.#metadata = { groupId, generationId, memberId };
    const groupAssignment = joined.leaderId === memberId ? this.#assignAll(joined, counts) : [];
    const synced = await this.#connections.call<SyncAnswer>(
      coordinator,
      'SyncGroup',
      3,
      { groupId, generationId, memberId, groupAssignment },
      REBALANCE_TIMEOUT_MS + ANSWER_SLACK_MS,
    );
    check(synced.errorCode, `syncing group ${groupId} generation ${generationId}`);
    return decodeAssignment(synced.memberAssignment);
  }

  #assignAll(
    { members }: JoinAnswer,
    counts: ReadonlyMap<string, number>,
  ): readonly { readonly memberId: string; readonly memberAssignment: Buffer }[] {
    const { strategy, topics } = this.#group;
    const claims = members.map((member) => ({
      memberId: member.memberId,
      owned: decodeOwned(member.memberMetadata),
    }));
    const assignments = assignPartitions(strategy, topics, counts, claims);
    return [...assignments].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: encodeAssignment(assignment),
    }));
  }

  /** Never rejects: what a heartbeat learns waits for the next checkpoint. */
  async #beat(): Promise<void> {
    if (!this.#joined || this.#beating || this.#closed) return;
    this.#beating = true;
    const { groupId, generationId, memberId } = this.#metadata;
    try {
      const coordinator = await this.#cluster.coordinator('group', groupId);
      const answer = await this.#connections.call<{ readonly errorCode: number }>(
        coordinator,
        'Heartbeat',
        3,
        {
          groupId,
          groupGenerationId: generationId,
          memberId,
        },
      );
      check(answer.errorCode, `heartbeat of ${memberId} in group ${groupId}`);
    } catch (error) {
      if (this.#joined && this.#metadata.generationId === generationId) this.#heed(error);
    } finally {
      this.#beating = false;
    }
  }

  #heed(error: unknown): void {
    if (isBrokerError(error, ERROR.rebalanceInProgress)) {
      if (this.#due === 'nothing') this.#due = 'rejoin';
      return;
    }
    if (isBrokerError(error, ERROR.unknownMemberId, ERROR.illegalGeneration, ERROR.fencedInstanceId)) {
      this.#log.warn({ err: error }, 'the group went on without this member');
      this.#due = 'lost';
      this.#joined = false;
      if (!isBrokerError(error, ERROR.illegalGeneration)) this.#owned = NOTHING;
      if (isBrokerError(error, ERROR.unknownMemberId)) this.#forgetMembership();
      return;
    }
    const moved =
      isConnectionError(error) || isBrokerError(error, ERROR.notCoordinator, ERROR.coordinatorNotAvailable);
    if (moved) this.#cluster.forgetCoordinator('group', this.#group.groupId);
    if (error instanceof Failure && !this.#closed) this.#log.debug({ err: error }, 'a heartbeat failed');
  }
}
