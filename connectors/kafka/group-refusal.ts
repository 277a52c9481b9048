import { Failure } from '../../infra/process/failure.ts';
import type { BrokerAddress, Connections } from './connections.ts';
import { describeGroupRequest } from './group-admin.ts';
import type { GroupMemberDescription, GroupMetadata } from './port.ts';

/** Members that a message names. */
const MEMBERS_NAMED_MAX = 5;

/**
 * Why the coordinator does not let this member in: the group's members offer another protocol, that is, another plan
 * or another strategy. Asks the coordinator who they are.
 */
export async function refusedByGroup(
  connections: Connections,
  coordinator: BrokerAddress,
  groupId: string,
  offered: string,
): Promise<Failure> {
  const { protocol, members } = await connections.send(coordinator, describeGroupRequest(groupId));
  // The coordinator names the protocol of a group that is stable.
  const theirs = protocol === '' ? 'another plan' : planOf(protocol);
  return new Failure(
    'kafka.plan_mismatch',
    'stop',
    `group ${groupId} works by ${theirs}, with the members ${namesOf(members)}; this process has ${planOf(offered)}, ` +
      'and members that compute unlike things would mix their state',
    {
      fix: 'stop the members with the other plan, then start this one; or give the changed topology a name, or a topic prefix, of its own',
    },
  );
}

/** Two processes carry one instance id, and this is the older one. */
export function fencedInstance(
  { groupId, groupInstanceId, memberId }: GroupMetadata,
  cause: unknown,
): Failure {
  return new Failure(
    'kafka.fenced_instance_id',
    'fenced',
    `another process has joined group ${groupId} as its static member "${groupInstanceId}", which this process ` +
      `(${memberId}) was: two processes carry one instance id, and the one that joined last has it`,
    {
      cause,
      fix: 'give each process an instance of its own; if this process was replaced by its successor, there is nothing to do',
    },
  );
}

function namesOf(members: readonly GroupMemberDescription[]): string {
  const names = members.map(({ clientId, groupInstanceId, host }) =>
    groupInstanceId === null ? `${clientId} (${host})` : `${clientId} (${host}, instance ${groupInstanceId})`,
  );
  const more = names.length > MEMBERS_NAMED_MAX ? ` and ${names.length - MEMBERS_NAMED_MAX} more` : '';
  return `${names.slice(0, MEMBERS_NAMED_MAX).join(', ')}${more}`;
}

function planOf(protocol: string): string {
  const colon = protocol.indexOf(':');
  return colon < 0 ? `strategy ${protocol}` : `plan ${protocol.slice(colon + 1)}`;
}
