import type { Cluster } from './cluster.ts';
import { REQUEST_RETRY } from './cluster.ts';
import type { Connections, WireRequest } from './connections.ts';
import { check } from './error-code.ts';
import { PROTOCOL_TYPE, decodeAssignment } from './group-protocol.ts';
import type { Admin, GroupDescription, GroupListing, GroupMemberDescription } from './port.ts';
import type { OffsetLookup } from './offsets.ts';
import { partitionCounts } from './topic-admin.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

export type GroupAdmin = Pick<Admin, 'listGroups' | 'describeGroups' | 'groupLag'>;

/** What can be seen of groups from outside. */
export function groupAdmin(cluster: Cluster, connections: Connections, offsets: OffsetLookup): GroupAdmin {
  return {
    async listGroups() {
      const lists = await cluster.retry(REQUEST_RETRY, async () => {
        await cluster.refresh([]);
        return Promise.all(cluster.brokers().map((broker) => connections.send(broker, listGroupsRequest())));
      });
      return lists.flat().toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1));
    },

    describeGroups: (groupIds) =>
      Promise.all(
        groupIds.map((groupId) =>
          cluster.withCoordinator('group', groupId, (coordinator) =>
            connections.send(coordinator, describeGroupRequest(groupId)),
          ),
        ),
      ),

    async groupLag(groupId, topics) {
      const counts = await partitionCounts(cluster, topics);
      const partitions = topics.flatMap((topic) =>
        Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
      );
      // Ends after committed offsets, so that a group that moves on meanwhile is never told to be further than it is.
      const committed = await offsets.committedOffsets(groupId, partitions);
      const starts = await offsets.listOffsets(partitions, 'earliest');
      const ends = await offsets.listOffsets(partitions, 'last-stable');
      return partitions.map((partition, i) => {
        const own = committed[i] ?? null;
        const start = starts[i] ?? 0;
        const end = ends[i] ?? 0;
        return {
          ...partition,
          committed: own,
          start,
          end,
          lag: Math.max(0, end - Math.max(own ?? 0, start)),
        };
      });
    },
  };
}

/** DescribeGroups version 4, the first that tells group.instance.id. */
export function describeGroupRequest(groupId: string): WireRequest<GroupDescription> {
  const body = new WireWriter();
  body.array([groupId], (id) => body.string(id)).bool(false);
  return {
    apiKey: 15,
    apiName: 'DescribeGroups',
    apiVersion: 4,
    flexible: false,
    body: [body.bytes()],
    decode: (reader) => {
      reader.int32(); // throttle time
      const [group] = reader.array(() => readGroup(reader));
      return group ?? { groupId, protocolType: '', state: 'Dead', protocol: '', members: [] };
    },
  };
}

function readGroup(reader: WireReader): GroupDescription {
  const errorCode = reader.int16();
  const groupId = reader.string() ?? '';
  check(errorCode, `describing group ${groupId}`);
  const state = reader.string() ?? '';
  const protocolType = reader.string() ?? '';
  const protocol = reader.string() ?? '';
  const members = reader.array(() => readMember(reader, protocolType));
  reader.int32(); // authorized operations
  return { groupId, protocolType, state, protocol, members };
}

function readMember(reader: WireReader, protocolType: string): GroupMemberDescription {
  const memberId = reader.string() ?? '';
  const groupInstanceId = reader.string();
  const clientId = reader.string() ?? '';
  const host = reader.string() ?? '';
  reader.blob(); // subscription
  const bytes = reader.blob();
  // Other kinds of groups, such as those of Kafka Connect, have assignments of other forms.
  const { assignment } = decodeAssignment(protocolType === PROTOCOL_TYPE ? bytes : null);
  return { memberId, groupInstanceId, clientId, host, assignment };
}

/** ListGroups version 4, the first that tells states (KIP-518). A broker lists the groups that it coordinates. */
export function listGroupsRequest(): WireRequest<readonly GroupListing[]> {
  const body = new WireWriter().compactArray([], () => undefined).noTags();
  return {
    apiKey: 16,
    apiName: 'ListGroups',
    apiVersion: 4,
    flexible: true,
    body: [body.bytes()],
    decode: (reader) => {
      reader.int32(); // throttle time
      check(reader.int16(), 'listing the groups');
      return reader.compactArray(() => {
        const groupId = reader.compactString() ?? '';
        const protocolType = reader.compactString() ?? '';
        const state = reader.compactString() ?? '';
        reader.skipTags();
        return { groupId, protocolType, state };
      });
    },
  };
}
