import type { BrokerAddress, Connections } from './connections.ts';
import { PROTOCOL_TYPE } from './group-protocol.ts';
import type { GroupMetadata } from './port.ts';

/** What an answer may take beyond the time that the coordinator itself waits, milliseconds. */
const ANSWER_SLACK_MS = 5_000;

interface JoinRequest {
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocol: string;
  readonly subscription: Buffer;
}

export interface JoinAnswer {
  readonly errorCode: number;
  readonly generationId: number;
  readonly leaderId: string;
  readonly memberId: string;
  /** Empty for all but the leader. */
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
}

interface SyncAnswer {
  readonly errorCode: number;
  readonly memberAssignment: Buffer | null;
}

export interface AssignedMember {
  readonly memberId: string;
  readonly memberAssignment: Buffer;
}

/**
 * What a member says to its coordinator, in the first versions that know group.instance.id. Error codes in the answers
 * are the caller's to check.
 */
export const groupRequests = {
  /**
   * JoinGroup version 5. A static member that comes back to a stable group is answered at once with the group's
   * generation and with the id of the leader as it was before: a leader that comes back finds the id of its former
   * self, not its own, and so does not assign anew what all others go on with. (From version 9 on the answer says
   * that in so many words, KIP-814.)
   */
  join(
    connections: Connections,
    coordinator: BrokerAddress,
    { groupId, memberId, groupInstanceId }: GroupMetadata,
    { sessionTimeoutMs, rebalanceTimeoutMs, protocol, subscription }: JoinRequest,
  ): Promise<JoinAnswer> {
    return connections.call<JoinAnswer>(coordinator, 'JoinGroup', 5, {
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      memberId,
      groupInstanceId,
      protocolType: PROTOCOL_TYPE,
      groupProtocols: [{ name: protocol, metadata: subscription }],
    });
  },

  /** SyncGroup version 3; waits for the leader. */
  sync(
    connections: Connections,
    coordinator: BrokerAddress,
    { groupId, generationId, memberId, groupInstanceId }: GroupMetadata,
    groupAssignment: readonly AssignedMember[],
    rebalanceTimeoutMs: number,
  ): Promise<SyncAnswer> {
    return connections.call<SyncAnswer>(
      coordinator,
      'SyncGroup',
      3,
      { groupId, generationId, memberId, groupInstanceId, groupAssignment },
      rebalanceTimeoutMs + ANSWER_SLACK_MS,
    );
  },

  /** Heartbeat version 3. */
  heartbeat(
    connections: Connections,
    coordinator: BrokerAddress,
    { groupId, generationId, memberId, groupInstanceId }: GroupMetadata,
  ): Promise<{ readonly errorCode: number }> {
    return connections.call(coordinator, 'Heartbeat', 3, {
      groupId,
      groupGenerationId: generationId,
      memberId,
      groupInstanceId,
    });
  },

  /** LeaveGroup version 3. */
  leave(
    connections: Connections,
    coordinator: BrokerAddress,
    { groupId, memberId, groupInstanceId }: GroupMetadata,
  ): Promise<{ readonly errorCode: number }> {
    return connections.call(coordinator, 'LeaveGroup', 3, { groupId, memberId, groupInstanceId });
  },
};

/** `group g, generation 4`, and of a static member its instance id: for messages. */
export function describeMembership({ groupId, generationId, groupInstanceId }: GroupMetadata): string {
  const instance = groupInstanceId === undefined ? '' : `, instance ${groupInstanceId}`;
  return `group ${groupId}, generation ${generationId}${instance}`;
}
