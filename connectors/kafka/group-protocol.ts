import type { Assignment } from './port.ts';
import { WireReader, WireWriter } from './wire.ts';

/** Kafka's `consumer` protocol: what members and leader tell each other through the coordinator. */
export const PROTOCOL_TYPE = 'consumer';
const SUBSCRIPTION_VERSION = 1;
const ASSIGNMENT_VERSION = 0;

export function encodeSubscription(topics: readonly string[], owned: Assignment): Buffer {
  const writer = new WireWriter().int16(SUBSCRIPTION_VERSION);
  writer.array(topics, (topic) => writer.string(topic)).blob(null);
  return writePartitions(writer, owned).bytes();
}

/** The partitions that a member says it held. */
export function decodeOwned(subscription: Buffer): Assignment {
  const reader = new WireReader(subscription);
  const version = reader.int16();
  reader.array(() => reader.string());
  reader.blob();
  return version >= SUBSCRIPTION_VERSION && reader.remaining > 0 ? readPartitions(reader) : new Map();
}

export function encodeAssignment(assignment: Assignment): Buffer {
  return writePartitions(new WireWriter().int16(ASSIGNMENT_VERSION), assignment).blob(null).bytes();
}

/** An empty buffer is an empty assignment. */
export function decodeAssignment(bytes: Buffer | null): Assignment {
  if (bytes === null || bytes.length === 0) return new Map();
  const reader = new WireReader(bytes);
  reader.int16();
  return readPartitions(reader);
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
