import { Failure } from '../../infra/process/failure.ts';
import type { Assignment, AssignmentStrategy, TaskName, TaskPosition } from './port.ts';
import { WireReader, WireWriter } from './wire.ts';

/** Kafka's `consumer` protocol: what members and leader tell each other through the coordinator. */
export const PROTOCOL_TYPE = 'consumer';
const SUBSCRIPTION_VERSION = 1;
const ASSIGNMENT_VERSION = 0;
/** First byte of our user data, in subscriptions and assignments. What another version wrote is not looked at. */
const USER_DATA_VERSION = 1;
/** Of an assignment that has standbys: who does not know of them takes the assignment without. */
const STANDBYS_VERSION = 2;
const POSITION_BYTES = 16;
const POSITIONS_HEAD_BYTES = 9;

/** What a member tells the leader. */
export interface Subscription {
  readonly topics: readonly string[];
  /** The partitions that it held. */
  readonly owned: Assignment;
  readonly positions: readonly TaskPosition[];
}

/** What the leader tells a member. */
export interface MemberAssignment {
  readonly assignment: Assignment;
  /** The topics that the member was subscribed to when this was assigned; null when the leader does not say. */
  readonly subscribed: readonly string[] | null;
  readonly standbys: readonly TaskName[];
}

/**
 * The name under which a strategy is offered. The coordinator lets nobody join who offers no name that all members do
 * (INCONSISTENT_GROUP_PROTOCOL), so a plan in the name keeps out other plans before they disturb anybody.
 */
export function protocolName(strategy: AssignmentStrategy, planHash: string | undefined): string {
  return planHash === undefined ? strategy : `${strategy}:${planHash}`;
}

/** A member that joins again with another `revision` makes the coordinator rebalance, whatever else is as it was. */
export function encodeSubscription({ topics, owned, positions }: Subscription, revision: number): Buffer {
  const userData = new WireWriter().int8(USER_DATA_VERSION).int32(revision);
  userData.array(positions, ({ subTopology, partition, position }) =>
    userData.int32(subTopology).int32(partition).int64(position),
  );
  const writer = new WireWriter().int16(SUBSCRIPTION_VERSION);
  writer.array(topics, (topic) => writer.string(topic)).blob(userData.bytes());
  return writePartitions(writer, owned).bytes();
}

export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = new WireReader(bytes, "a group member's subscription");
  const version = reader.int16();
  const topics = reader.array(() => reader.string() ?? '');
  const positions = decodePositions(reader.blob());
  const hasOwned = version >= SUBSCRIPTION_VERSION && reader.remaining > 0;
  return { topics, owned: hasOwned ? readPartitions(reader) : new Map(), positions };
}

export function encodeAssignment({ assignment, subscribed, standbys }: MemberAssignment): Buffer {
  const writer = writePartitions(new WireWriter().int16(ASSIGNMENT_VERSION), assignment);
  if (subscribed === null) return writer.blob(null).bytes();
  const userData = new WireWriter().int8(standbys.length === 0 ? USER_DATA_VERSION : STANDBYS_VERSION);
  userData.array(subscribed, (topic) => userData.string(topic));
  if (standbys.length > 0)
    userData.array(standbys, ({ subTopology, partition }) => userData.int32(subTopology).int32(partition));
  return writer.blob(userData.bytes()).bytes();
}

type Told = Omit<MemberAssignment, 'assignment'>;

const UNTOLD: Told = { subscribed: null, standbys: [] };

/** An empty buffer is an empty assignment. */
export function decodeAssignment(bytes: Buffer | null): MemberAssignment {
  if (bytes === null || bytes.length === 0) return { assignment: new Map(), ...UNTOLD };
  const reader = new WireReader(bytes, 'an assignment of the group');
  reader.int16();
  const assignment = readPartitions(reader);
  return { assignment, ...decodeTold(reader.blob()) };
}

/** Of a leader of another make, user data may be anything: it says nothing then. */
function decodeTold(userData: Buffer | null): Told {
  const version = userData?.[0];
  if (userData === null || (version !== USER_DATA_VERSION && version !== STANDBYS_VERSION)) return UNTOLD;
  try {
    const reader = new WireReader(userData.subarray(1));
    const subscribed = reader.array(() => reader.string() ?? '');
    const standbys =
      version === USER_DATA_VERSION
        ? []
        : reader.array(() => ({ subTopology: reader.int32(), partition: reader.int32() }));
    return reader.remaining === 0 ? { subscribed, standbys } : UNTOLD;
  } catch (error) {
    if (error instanceof Failure) return UNTOLD;
    throw error;
  }
}

/** User data that is missing, of another version or of another shape says nothing. */
function decodePositions(userData: Buffer | null): readonly TaskPosition[] {
  if (userData === null || userData.length < POSITIONS_HEAD_BYTES || userData[0] !== USER_DATA_VERSION)
    return [];
  const reader = new WireReader(userData.subarray(POSITIONS_HEAD_BYTES - 4));
  if (userData.readInt32BE(POSITIONS_HEAD_BYTES - 4) * POSITION_BYTES !== reader.remaining - 4) return [];
  return reader.array(() => ({
    subTopology: reader.int32(),
    partition: reader.int32(),
    position: reader.int64(),
  }));
}

function writePartitions(writer: WireWriter, assignment: Assignment): WireWriter {
  return writer.array([...assignment], ([topic, partitions]) =>
    writer.string(topic).array(partitions, (partition) => writer.int32(partition)),
  );
}

function readPartitions(reader: WireReader): Assignment {
  const assignment = new Map<string, readonly number[]>();
  reader.array(() => {
    const topic = reader.string() ?? '';
    assignment.set(
      topic,
      reader.array(() => reader.int32()),
    );
  });
  return assignment;
}
