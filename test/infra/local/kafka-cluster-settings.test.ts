import { expect, test } from 'vitest';
import { clusterSettings } from '../../../infra/local/kafka-cluster-settings.ts';

const settings = clusterSettings({
  id: 2,
  broker: '127.0.0.1:2001',
  controller: '127.0.0.1:2002',
  advertised: '127.0.0.1:2001',
  voters: '1@127.0.0.1:1002,2@127.0.0.1:2002,3@127.0.0.1:3002',
});

test('a node is itself among all voters', () => {
  expect(settings).toMatchObject({
    'node.id': '2',
    'controller.quorum.voters': '1@127.0.0.1:1002,2@127.0.0.1:2002,3@127.0.0.1:3002',
    listeners: 'PLAINTEXT://127.0.0.1:2001,CONTROLLER://127.0.0.1:2002',
  });
});

test('what is acknowledged survives the loss of any one node', () => {
  for (const topic of ['offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic'])
    expect(settings[`${topic}.replication.factor`]).toBe('3');
  expect(settings).toMatchObject({
    'default.replication.factor': '3',
    'min.insync.replicas': '2',
    'transaction.state.log.min.isr': '2',
  });
});

test('leaders move only when a test moves them', () => {
  expect(settings['auto.leader.rebalance.enable']).toBe('false');
});
