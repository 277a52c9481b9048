import { assignPartitions } from './assignor.ts';
import type { Cluster } from './cluster.ts';
import { decodeSubscription, encodeAssignment } from './group-protocol.ts';
import type { AssignedMember, JoinAnswer } from './group-requests.ts';
import type { GroupOptions } from './port.ts';
import { placeStandbys } from './standby-placement.ts';
import { partitionCounts } from './topic-admin.ts';

/**
 * What the leader does for its group: who gets what, by what each has told. In a group that assigns topic by topic the
 * members may subscribe to unlike topics, as while a topic is added to one after the other.
 * @throws Failure `kafka.topic_missing`, `kafka.not_co_partitioned` (stop)
 */
export async function assignToMembers(
  cluster: Cluster,
  { strategy, topics, acceptableRecoveryLag, standbyReplicas: replicas = [] }: GroupOptions,
  members: JoinAnswer['members'],
  counts: ReadonlyMap<string, number>,
): Promise<readonly AssignedMember[]> {
  const claims = members.map(({ memberId, memberMetadata }) => ({
    memberId,
    ...decodeSubscription(memberMetadata),
  }));
  const union = [...new Set(claims.flatMap((claim) => claim.topics))].toSorted();
  const areKnown = union.every((topic) => counts.has(topic));
  const assigned = assignPartitions({
    strategy,
    topics: strategy === 'range' ? [union] : topics,
    partitionCounts: areKnown ? counts : await partitionCounts(cluster, union),
    members: claims,
    ...(acceptableRecoveryLag === undefined ? {} : { acceptableRecoveryLag }),
  });
  const standbys = placeStandbys({ topics, replicas, members: claims, assigned });
  return claims.map(({ memberId, topics: subscribed }) => ({
    memberId,
    memberAssignment: encodeAssignment({
      assignment: assigned.get(memberId) ?? new Map(),
      subscribed,
      standbys: standbys.get(memberId) ?? [],
    }),
  }));
}
