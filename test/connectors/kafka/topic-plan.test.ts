import { expect, test } from 'vitest';
import type { TopicSpec } from '../../../connectors/kafka/port.ts';
import {
  comparedConfigs,
  driftFailure,
  renderTopicPlan,
  topicPlan,
} from '../../../connectors/kafka/topic-plan.ts';
import type { TopicState } from '../../../connectors/kafka/topic-plan.ts';

type Settings = Readonly<Record<string, string>>;

const shared = (config: Settings, more: Partial<TopicSpec> = {}): TopicSpec => ({
  name: 't',
  partitions: 3,
  config,
  ...more,
});
const internal = (config: Settings, more: Partial<TopicSpec> = {}): TopicSpec =>
  shared(config, { internal: true, ...more });

const state = (config: Settings = {}, more: Partial<TopicState> = {}): TopicState => ({
  partitions: 3,
  replicationFactor: 3,
  config: new Map(Object.entries(config).map(([name, value]) => [name, { value, source: 'topic' }])),
  ...more,
});

const planOne = (spec: TopicSpec, found: TopicState) => topicPlan([spec], new Map([['t', found]]));

test('what is missing is created, what is as planned is left alone', () => {
  const specs = ['a', 'b', 'c'].map((name) => ({ name, partitions: 3, config: {} }));
  const plan = topicPlan(specs, new Map([['b', state()]]));
  expect(plan).toEqual({ create: [specs[0], specs[2]], alter: [], drift: [] });
});

test('settings that say how a log is kept are altered on internal topics alone', () => {
  const config = { 'segment.bytes': '52428800', 'min.cleanable.dirty.ratio': '0.1' };
  const found = state({ 'segment.bytes': '1073741824', 'min.cleanable.dirty.ratio': '0.10' });
  expect(planOne(internal(config), found)).toEqual({
    create: [],
    alter: [{ topic: 't', set: [{ name: 'segment.bytes', from: '1073741824', to: '52428800' }] }],
    drift: [],
  });
  expect(planOne(shared(config), found)).toEqual({ create: [], alter: [], drift: [] });
});

test.each([
  ['retention.ms', '604800000', '-1', 'alter'],
  ['retention.ms', '1000', '2000', 'alter'],
  ['retention.ms', '-1', '604800000', 'drift'],
  ['retention.ms', '2000', '1000', 'drift'],
  ['retention.bytes', '-1', '1000', 'drift'],
  ['delete.retention.ms', '86400000', '1000', 'drift'],
  ['max.message.bytes', '1048588', '2097152', 'alter'],
  ['max.message.bytes', '2097152', '1048588', 'drift'],
  ['min.insync.replicas', '1', '2', 'alter'],
  ['min.insync.replicas', '2', '1', 'drift'],
  ['cleanup.policy', 'compact', 'delete', 'drift'],
  ['message.timestamp.type', 'CreateTime', 'LogAppendTime', 'drift'],
])('%s of an internal topic from %s to %s: %s', (name, from, to, outcome) => {
  const { alter, drift } = planOne(internal({ [name]: to }), state({ [name]: from }));
  if (outcome === 'alter') {
    expect(alter).toEqual([{ topic: 't', set: [{ name, from, to }] }]);
    expect(drift).toEqual([]);
  } else {
    expect(alter).toEqual([]);
    expect(drift).toMatchObject([{ topic: 't', what: name, wanted: to, found: from }]);
  }
});

test('more replicas in sync than there are replicas would make the topic unwritable', () => {
  const spec = internal({}, { minInsyncReplicas: 2 });
  const found = state({ 'min.insync.replicas': '1' }, { replicationFactor: 1 });
  expect(planOne(spec, found).drift).toMatchObject([
    { what: 'min.insync.replicas', wanted: '2', found: '1' },
  ]);
});

test('a topic that others use is not altered, not even to be safer', () => {
  const { alter, drift } = planOne(
    shared({}, { minInsyncReplicas: 2 }),
    state({ 'min.insync.replicas': '1' }),
  );
  expect(alter).toEqual([]);
  expect(drift).toMatchObject([{ what: 'min.insync.replicas', wanted: '2', found: '1' }]);
});

test('replicas count only when they are asked for', () => {
  expect(planOne(shared({}), state({}, { replicationFactor: 1 })).drift).toEqual([]);
  expect(
    planOne(shared({}, { replicationFactor: 3 }), state({}, { replicationFactor: 1 })).drift,
  ).toMatchObject([{ what: 'replicas', wanted: '3', found: '1' }]);
});

test('cleanup policies are compared as sets', () => {
  const spec = shared({ 'cleanup.policy': 'delete, compact' });
  expect(planOne(spec, state({ 'cleanup.policy': 'compact,delete' })).drift).toEqual([]);
});

test('of a topic that others use, only what decides its meaning is compared', () => {
  const config = { 'cleanup.policy': 'compact', 'retention.ms': '1', 'segment.ms': '1' };
  expect(comparedConfigs(shared(config))).toEqual(['cleanup.policy']);
  expect(comparedConfigs(internal(config))).toEqual(Object.keys(config));
});

test('all drifts come in one error, each with what was wanted, what was found and what to do', () => {
  const { drift } = topicPlan(
    [
      { name: 'a', partitions: 4, config: { 'cleanup.policy': 'compact' } },
      { name: 'b', partitions: 1, config: {} },
    ],
    new Map([
      ['a', state({ 'cleanup.policy': 'delete' })],
      ['b', state()],
    ]),
  );
  const { code, order, message } = driftFailure(drift);
  expect({ code, order }).toEqual({ code: 'kafka.topic_drift', order: 'stop' });
  expect(message).toBe(
    '3 things are not as planned: ' +
      'topic a should have 4 partitions, it has 3 (change the plan or the topic; a topic that others read is never altered from here); ' +
      'topic a should have cleanup.policy=compact, it has delete (change the plan, or, when all who use the topic agree: kafka-configs --alter --topic a --add-config cleanup.policy=compact); ' +
      'topic b should have 1 partitions, it has 3 (change the plan or the topic; a topic that others read is never altered from here)',
  );
});

test('a plan reads as one line per change', () => {
  const plan = topicPlan(
    [
      {
        name: 'new',
        partitions: 2,
        replicationFactor: 3,
        minInsyncReplicas: 2,
        config: { 'retention.ms': '-1' },
      },
      { name: 'own', partitions: 3, config: { 'segment.bytes': '2', 'retention.ms': '-1' }, internal: true },
      { name: 'odd', partitions: 5, config: {} },
    ],
    new Map([
      ['own', state({ 'segment.bytes': '1', 'retention.ms': '7' })],
      ['odd', state()],
    ]),
  );
  expect(renderTopicPlan(plan)).toBe(
    [
      'create new: 2 partitions, 3 replicas, retention.ms=-1, min.insync.replicas=2',
      'alter  own: segment.bytes from 1 to 2',
      'alter  own: retention.ms from 7 to -1',
      'drift  topic odd should have 5 partitions, it has 3: change the plan or the topic; a topic that others read is never altered from here',
      '',
    ].join('\n'),
  );
  expect(renderTopicPlan({ create: [], alter: [], drift: [] })).toBe('');
});
