import { expect, test } from 'vitest';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  protocolName,
} from '../../../connectors/kafka/group-protocol.ts';
import { WireWriter } from '../../../connectors/kafka/wire.ts';

const owned = new Map([['x', [0, 2]]]);
const subscription = {
  topics: ['x', 'y'],
  owned,
  positions: [
    { subTopology: 0, partition: 2, position: 5_000_000_000 },
    { subTopology: 1, partition: 0, position: 0 },
  ],
};

test('the leader reads of a subscription what the member wrote', () => {
  expect(decodeSubscription(encodeSubscription(subscription, 7))).toEqual(subscription);
});

test('a subscription is the Java consumer protocol, version 1, with user data of our own version', () => {
  const bytes = encodeSubscription({ topics: ['x'], owned: new Map([['x', [3]]]), positions: [] }, 1);
  expect(bytes.toString('hex')).toBe(
    [
      '0001', // version
      '00000001' + '000178', // topics
      '00000009' + '01' + '00000001' + '00000000', // user data: version, revision, positions
      '00000001' + '000178' + '00000001' + '00000003', // owned partitions
    ].join(''),
  );
});

test('another revision makes another subscription, and nothing else of it', () => {
  const [one, two] = [1, 2].map((revision) => encodeSubscription(subscription, revision));
  expect(one!.equals(two!)).toBe(false);
  expect(decodeSubscription(one!)).toEqual(decodeSubscription(two!));
});

/** A subscription of somebody else's. */
function foreign(version: number, userData: Buffer | null): Buffer {
  const writer = new WireWriter().int16(version);
  writer.array(['x'], (topic) => writer.string(topic)).blob(userData);
  if (version > 0) writer.array(['x'], () => writer.string('x').array([1], (n) => writer.int32(n)));
  return writer.bytes();
}

test.each([
  ['no user data', null],
  ['empty user data', Buffer.alloc(0)],
  ['user data of another version', Buffer.from(`09${'00000000'}${'00000001'}${'00'.repeat(16)}`, 'hex')],
  ['user data that is cut short', Buffer.from('01000000000000000200', 'hex')],
  ['user data with a count that is not so', Buffer.from('01000000007fffffff', 'hex')],
])('a member with %s has partitions, and no positions', (_, userData) => {
  expect(decodeSubscription(foreign(1, userData))).toEqual({
    topics: ['x'],
    owned: new Map([['x', [1]]]),
    positions: [],
  });
});

test('a member of protocol version 0 owns nothing', () => {
  expect(decodeSubscription(foreign(0, null)).owned.size).toBe(0);
});

test('an assignment says for which subscription it was made, if the leader does', () => {
  const told = { assignment: owned, subscribed: ['x', 'y'], standbys: [] };
  expect(decodeAssignment(encodeAssignment(told))).toEqual(told);
  const untold = { assignment: owned, subscribed: null, standbys: [] };
  expect(decodeAssignment(encodeAssignment(untold))).toEqual(untold);
  expect(decodeAssignment(null)).toEqual({ assignment: new Map(), subscribed: null, standbys: [] });
  expect(decodeAssignment(Buffer.alloc(0))).toEqual({
    assignment: new Map(),
    subscribed: null,
    standbys: [],
  });
});

test('an assignment says whose stores the member is to copy, and is as it always was where it is to copy none', () => {
  const standbys = [
    { subTopology: 0, partition: 3 },
    { subTopology: 2, partition: 1 },
  ];
  const told = { assignment: new Map(), subscribed: ['x'], standbys };
  expect(decodeAssignment(encodeAssignment(told))).toEqual(told);
  const plain = encodeAssignment({ assignment: owned, subscribed: ['x'], standbys: [] });
  // Version 1: the count of the topics, `x`, and nothing behind it.
  expect(plain.toString('hex')).toMatch(/00000008010000000100017(8)$/);
});

test.each([
  ['cut off', '0100000001'],
  ['longer than it says', '010000000000'],
  ['of another make', '07abcdef'],
  ['without the standbys that it announces', `02${'00000000'}${'00000001'}${'00000000'}`],
])('user data of an assignment that is %s says nothing', (_, userData) => {
  const assignment = new WireWriter().int16(0);
  assignment.array(['x'], (topic) => assignment.string(topic).array([3], (p) => assignment.int32(p)));
  expect(decodeAssignment(assignment.blob(Buffer.from(userData, 'hex')).bytes())).toEqual({
    assignment: new Map([['x', [3]]]),
    subscribed: null,
    standbys: [],
  });
});

test('members of unlike plans offer unlike protocols', () => {
  expect(protocolName('co-partitioned', 'ab12')).toBe('co-partitioned:ab12');
  expect(protocolName('range', undefined)).toBe('range');
});
