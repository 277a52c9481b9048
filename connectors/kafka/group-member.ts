import { assert } from '../../infra/process/assert.ts';
import { backoffMs } from '../../infra/process/backoff.ts';
import type { BackoffPolicy } from '../../infra/process/backoff.ts';
import { Failure, describe } from '../../infra/process/failure.ts';
import type { Log } from '../../infra/process/log.ts';
import { onGroup } from './access.ts';
import { assignPartitions } from './assignor.ts';
import { isConnectionError } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { Connections } from './connections.ts';
import type { BrokerAddress, ClientContext } from './connections.ts';
import { ERROR, check, isBrokerError } from './error-code.ts';
import { assignToMembers } from './group-leader.ts';
import {
  type MemberAssignment,
  decodeAssignment,
  encodeSubscription,
  protocolName,
} from './group-protocol.ts';
import { fencedInstance, refusedByGroup } from './group-refusal.ts';
import { describeMembership, groupRequests } from './group-requests.ts';
import type { Assignment, GroupMember, GroupMetadata, GroupOptions, TaskName } from './port.ts';
import { partitionCounts } from './topic-admin.ts';

const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_MAX_MS = 3_000;
/** How long the coordinator waits for all members of a group to come to a rebalance. */
const REBALANCE_TIMEOUT_MS = 60_000;

/** Rounds of joining that other members' coming and going may cost. */
const REJOIN: BackoffPolicy = { initialMs: 10, maxMs: 500, attemptsMax: 200 };
/** How often a member with another plan asks again, within a session timeout. */
const REFUSALS_MAX = 20;

export interface GroupMemberOptions {
  readonly context: ClientContext;
  readonly cluster: Cluster;
  readonly group: GroupOptions;
}

const NOTHING: Assignment = new Map();

/** The first checkpoint joins. Disposing does not tell the listener: let go of the work before. */
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
  readonly #protocol: string;
  readonly #log: Log;
  readonly #giveUp: () => void;
  readonly #heartbeats: Disposable;
  readonly #sessionTimeoutMs: number;
  #connections: Connections;
  #metadata: GroupMetadata;
  /** What the listener holds. */
  #held: Assignment = NOTHING;
  #standbys: readonly TaskName[] = [];
  /** What was held last, to be asked for again. */
  #owned: Assignment = NOTHING;
  #due: 'nothing' | 'rejoin' | 'lost' = 'rejoin';
  #fenced: Failure | null = null;
  #revision = 0;
  /** Of the assignment that is held. */
  #term = new AbortController();
  #joined = false;
  #beating = false;
  #rebalancing = false;
  #closed = false;

  constructor({ context, cluster, group }: GroupMemberOptions) {
    this.#cluster = cluster;
    this.#context = context;
    this.#group = group;
    this.#topics = group.topics.flat();
    this.#protocol = protocolName(group.strategy, group.planHash);
    this.#log = context.log.child({ group: group.groupId });
    this.#connections = new Connections(context);
    this.#sessionTimeoutMs = group.sessionTimeoutMs ?? SESSION_TIMEOUT_MS;
    this.#metadata = this.#outside();
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
      if (this.#fenced !== null) throw this.#fenced;
      await this.#join();
      const term = { signal: this.#term.signal, standbys: this.#standbys };
      if (this.#holdsAnything) await this.#group.listener.onAssigned(this.#held, this.#metadata, term);
    } finally {
      this.#rebalancing = false;
    }
  }

  get #holdsAnything(): boolean {
    return this.#held.size > 0 || this.#standbys.length > 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#heartbeats[Symbol.dispose]();
    this.#group.signal?.removeEventListener('abort', this.#giveUp);
    const { groupId, memberId } = this.#metadata;
    const leaves = this.#group.leaveOnClose ?? this.#group.groupInstanceId === undefined;
    try {
      if (leaves && this.#due !== 'lost' && memberId !== '') {
        const coordinator = await this.#cluster.coordinator('group', groupId);
        await groupRequests.leave(this.#connections, coordinator, this.#metadata);
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
    const [held, heldAnything] = [this.#held, this.#holdsAnything];
    this.#held = NOTHING;
    this.#standbys = [];
    const { listener } = this.#group;
    try {
      if (heldAnything) await (this.#due === 'lost' ? listener.onLost(held) : listener.onRevoked(held));
    } catch (error) {
      // Why the membership is lost says more than what follows from it.
      if (this.#fenced === null) throw error;
      this.#log.debug({ err: error }, 'the listener failed to let go');
    }
    this.#joined = false;
  }

  async #join(): Promise<void> {
    const counts = await this.#partitionCounts();
    const { clock, random } = this.#context;
    for (let attempt = 0, refusals = 0; ; attempt++) {
      try {
        const { assignment, standbys } = await this.#cluster.withCoordinator(
          'group',
          this.#group.groupId,
          (coordinator) => this.#joinOnce(coordinator, counts),
        );
        this.#held = assignment;
        this.#standbys = standbys;
        this.#owned = assignment;
        this.#due = 'nothing';
        this.#term = new AbortController();
        this.#joined = true;
        this.#log.info({ ...this.#metadata, assignment: Object.fromEntries(assignment) }, 'joined');
        return;
      } catch (error) {
        if (this.#group.signal?.aborted) return;
        if (isBrokerError(error, ERROR.inconsistentGroupProtocol)) {
          await this.#refused(refusals++);
          continue;
        }
        if (this.#closed || attempt + 1 >= REJOIN.attemptsMax || !this.#mayJoinAgain(error)) throw error;
        await clock.sleep(backoffMs(REJOIN, Math.min(attempt, 10), random));
      }
    }
  }

  /** @throws Failure when a session timeout has passed, after which a member that was killed would be gone */
  async #refused(refusals: number): Promise<void> {
    const { groupId, signal } = this.#group;
    const asked = this.#cluster.withCoordinator('group', groupId, (coordinator) =>
      refusedByGroup(this.#connections, coordinator, groupId, this.#protocol),
    );
    const refusal = await asked.catch((error: unknown) => {
      if (signal?.aborted) return null;
      throw error;
    });
    if (refusal === null) return;
    if (this.#closed || refusals >= REFUSALS_MAX) throw refusal;
    if (refusals === 0)
      this.#log.warn(
        { waitMs: this.#sessionTimeoutMs },
        `waiting for the others to go: ${describe(refusal)}`,
      );
    await this.#context.clock.sleep(this.#sessionTimeoutMs / (REFUSALS_MAX - 1), signal);
  }

  #mayJoinAgain(error: unknown): boolean {
    if (isBrokerError(error, ERROR.fencedInstanceId)) this.#fence(error);
    if (this.#fenced !== null) throw this.#fenced;
    if (isBrokerError(error, ERROR.unknownMemberId)) this.#metadata = this.#outside();
    return (
      (error instanceof Failure && error.code === STALE_ASSIGNMENT) ||
      isBrokerError(
        error,
        ERROR.unknownMemberId,
        ERROR.illegalGeneration,
        ERROR.rebalanceInProgress,
        ERROR.memberIdRequired,
      )
    );
  }

  #fence(error: unknown): void {
    this.#fenced = fencedInstance(this.#metadata, error);
    this.#due = 'lost';
  }

  #member(generationId: number, memberId: string): GroupMetadata {
    const { groupId, groupInstanceId } = this.#group;
    const member = { groupId, generationId, memberId };
    return groupInstanceId === undefined ? member : { ...member, groupInstanceId };
  }

  #outside(): GroupMetadata {
    return this.#member(-1, '');
  }

  /** Checked by every member before it joins, so that none waits for a leader that cannot assign. */
  async #partitionCounts(): Promise<ReadonlyMap<string, number>> {
    const { strategy, topics } = this.#group;
    const counts = await partitionCounts(this.#cluster, this.#topics);
    const alone = { memberId: '', owned: NOTHING };
    assignPartitions({ strategy, topics, partitionCounts: counts, members: [alone] });
    return counts;
  }

  async #joinOnce(
    coordinator: BrokerAddress,
    counts: ReadonlyMap<string, number>,
  ): Promise<MemberAssignment> {
    const { groupId, signal, taskPositions } = this.#group;
    signal?.throwIfAborted();
    const subscription = { topics: this.#topics, owned: this.#owned, positions: taskPositions?.() ?? [] };
    const joined = await groupRequests.join(this.#connections, coordinator, this.#metadata, {
      sessionTimeoutMs: this.#sessionTimeoutMs,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      protocol: this.#protocol,
      subscription: encodeSubscription(subscription, this.#revision),
    });
    if (joined.errorCode === ERROR.memberIdRequired) this.#metadata = this.#member(-1, joined.memberId);
    check(joined.errorCode, `joining group ${groupId}`, onGroup(groupId));
    this.#metadata = this.#member(joined.generationId, joined.memberId);
    const synced = await groupRequests.sync(
      this.#connections,
      coordinator,
      this.#metadata,
      joined.leaderId === joined.memberId
        ? await assignToMembers(this.#cluster, this.#group, joined.members, counts)
        : [],
      REBALANCE_TIMEOUT_MS,
    );
    check(synced.errorCode, `syncing ${describeMembership(this.#metadata)}`, onGroup(groupId));
    return this.#ownAssignment(synced.memberAssignment);
  }

  /**
   * A static member that comes back has its assignment from before. When that was made for other topics, it joins once
   * more, with a subscription that the coordinator sees to be new, and so has the group rebalance.
   */
  #ownAssignment(bytes: Buffer | null): MemberAssignment {
    const own = decodeAssignment(bytes);
    const { subscribed } = own;
    if (subscribed === null || sameTopics(subscribed, this.#topics)) return own;
    this.#revision++;
    throw new Failure(
      STALE_ASSIGNMENT,
      'restart',
      `${describeMembership(this.#metadata)}: the assignment was made for the topics ${subscribed.join(', ')}`,
    );
  }

  /** Never rejects: what a heartbeat learns waits for the next checkpoint. */
  async #beat(): Promise<void> {
    if (!this.#joined || this.#beating || this.#closed) return;
    this.#beating = true;
    const metadata = this.#metadata;
    try {
      const coordinator = await this.#cluster.coordinator('group', metadata.groupId);
      const answer = await groupRequests.heartbeat(this.#connections, coordinator, metadata);
      check(answer.errorCode, `heartbeat of ${metadata.memberId} in ${describeMembership(metadata)}`);
    } catch (error) {
      if (this.#joined && this.#metadata.generationId === metadata.generationId) this.#heed(error);
    } finally {
      this.#beating = false;
    }
  }

  #heed(error: unknown): void {
    if (isBrokerError(error, ERROR.rebalanceInProgress)) {
      if (this.#due === 'nothing') this.#due = 'rejoin';
      this.#term.abort(TERM_ENDS);
      return;
    }
    if (isBrokerError(error, ERROR.unknownMemberId, ERROR.illegalGeneration, ERROR.fencedInstanceId)) {
      this.#log.warn({ err: error }, 'the group went on without this member');
      this.#due = 'lost';
      this.#term.abort(TERM_ENDS);
      this.#joined = false;
      if (!isBrokerError(error, ERROR.illegalGeneration)) this.#owned = NOTHING;
      if (isBrokerError(error, ERROR.fencedInstanceId)) this.#fence(error);
      if (isBrokerError(error, ERROR.unknownMemberId)) this.#metadata = this.#outside();
      return;
    }
    const moved =
      isConnectionError(error) || isBrokerError(error, ERROR.notCoordinator, ERROR.coordinatorNotAvailable);
    if (moved) this.#cluster.forgetCoordinator('group', this.#group.groupId);
    if (error instanceof Failure && !this.#closed) this.#log.debug({ err: error }, 'a heartbeat failed');
  }
}

const STALE_ASSIGNMENT = 'kafka.stale_assignment';
/** A reason that needs no DOMException to be made. */
const TERM_ENDS = 'the term of the assignment ends';

function sameTopics(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === a.length;
}
