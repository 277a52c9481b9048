import { expect, test } from 'vitest';
import { alterConfigsRequest } from '../../../connectors/kafka/config-admin.ts';
import type { WireRequest } from '../../../connectors/kafka/connections.ts';
import { deleteGroupRequest, deleteTopicsRequest } from '../../../connectors/kafka/deletion-admin.ts';
import { describeGroupRequest, listGroupsRequest } from '../../../connectors/kafka/group-admin.ts';
import { deleteRecordsRequest } from '../../../connectors/kafka/record-deletion.ts';
import { WireReader } from '../../../connectors/kafka/wire.ts';

/** Bodies as Kafka's own message classes (kafka-clients 4.2.1) write them. */
const bytesOf = ({ body }: WireRequest<unknown>): string => Buffer.concat(body).toString('hex');

function answer<T>(request: WireRequest<T>, hex: string): T {
  const reader = new WireReader(Buffer.from(hex, 'hex'));
  const decoded = request.decode(reader);
  if (request.flexible) reader.skipTags();
  expect(reader.remaining).toBe(0);
  return decoded;
}

const alteration = alterConfigsRequest(
  [
    {
      topic: 'app-by-key-repartition',
      set: [
        { name: 'retention.ms', from: '1', to: '-1' },
        { name: 'segment.bytes', from: '1', to: '52428800' },
      ],
    },
  ],
  true,
);

test('IncrementalAlterConfigs names each setting with the operation SET', () => {
  expect(bytesOf(alteration)).toBe(
    '000000010200166170702d62792d6b65792d7265706172746974696f6e00000002000c726574656e74696f6e2e6d730000022d31' +
      '000d7365676d656e742e6279746573000008353234323838303001',
  );
});

test('a refused alteration is told in the words of the broker', () => {
  const refused = '0000000000000001002800096261642076616c756502000174';
  expect(() => answer(alteration, refused)).toThrow(
    'altering topic t (bad value): the broker answered INVALID_CONFIG (40)',
  );
});

test('DeleteRecords groups partitions by topic, and offsets are 64 bits wide', () => {
  const request = deleteRecordsRequest([
    { topic: 'a', partition: 0, offset: 7 },
    { topic: 'b', partition: 1, offset: 0 },
    { topic: 'a', partition: 3, offset: 5_000_000_000 },
  ]);
  expect(bytesOf(request)).toBe(
    '000000020001610000000200000000000000000000000700000003000000012a05f200' +
      '0001620000000100000001000000000000000000001388',
  );
  const answered = '000000000000000100016100000002000000000000000000000007000000000003ffffffffffffffff0006';
  expect(answer(request, answered)).toEqual([
    { topic: 'a', partition: 0, start: 7, errorCode: 0 },
    { topic: 'a', partition: 3, start: -1, errorCode: 6 },
  ]);
});

test('DescribeGroups tells static members by their instance ids', () => {
  const request = describeGroupRequest('g1');
  expect(bytesOf(request)).toBe('000000010002673100');
  const described =
    '00000000000000010000000267310006537461626c650008636f6e73756d6572000572616e67650000000200036d2d310003692d30' +
    '000163000a2f3132372e302e302e310000000201020000001b0000000000010003616263000000020000000000000002ffffffff' +
    '00036d2d32ffff000163000a2f3132372e302e302e31000000000000000080000000';
  const member = { clientId: 'c', host: '/127.0.0.1' };
  expect(answer(request, described)).toEqual({
    groupId: 'g1',
    state: 'Stable',
    protocolType: 'consumer',
    protocol: 'range',
    members: [
      { ...member, memberId: 'm-1', groupInstanceId: 'i-0', assignment: new Map([['abc', [0, 2]]]) },
      { ...member, memberId: 'm-2', groupInstanceId: null, assignment: new Map() },
    ],
  });
});

test('ListGroups asks for all states', () => {
  expect(bytesOf(listGroupsRequest())).toBe('0100');
  const listed = '0000000000000203673109636f6e73756d657206456d7074790000';
  expect(answer(listGroupsRequest(), listed)).toEqual([
    { groupId: 'g1', protocolType: 'consumer', state: 'Empty' },
  ]);
});

test('DeleteTopics names the topics, and each has an answer of its own', () => {
  const request = deleteTopicsRequest(['a', 'bc']);
  expect(bytesOf(request)).toBe('000000020001610002626300003a98');
  expect(answer(request, '0000000000000002000161000000026263001d')).toEqual([
    { topic: 'a', errorCode: 0 },
    { topic: 'bc', errorCode: 29 },
  ]);
});

test('DeleteGroups asks for one group, and is told whether it had members', () => {
  const request = deleteGroupRequest('g1');
  expect(bytesOf(request)).toBe('0000000100026731');
  expect(answer(request, '0000000000000001000267310044')).toBe(68);
});
