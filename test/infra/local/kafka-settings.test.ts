import { expect, test } from 'vitest';
import { asKafkaEnv, asProperties, kafkaSettings } from '../../../infra/local/kafka-settings.ts';

const settings = kafkaSettings({
  broker: '0.0.0.0:19092',
  controller: '127.0.0.1:9093',
  advertised: 'engine:19092',
});

test('clients are told the advertised address', () => {
  expect(asProperties(settings)).toContain('\nadvertised.listeners=PLAINTEXT://engine:19092\n');
});

test('topics are never made by accident and groups do not wait', () => {
  expect(settings).toMatchObject({
    'auto.create.topics.enable': 'false',
    'group.initial.rebalance.delay.ms': '0',
  });
});

test('the image reads the same settings from its environment', () => {
  expect(asKafkaEnv(settings)).toMatchObject({
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: 'PLAINTEXT://0.0.0.0:19092,CONTROLLER://127.0.0.1:9093',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
  });
});

test('the image reads names with dashes and underscores, too', () => {
  expect(asKafkaEnv({ 'listener.name.a.scram-sha-256.some_thing': '1' })).toEqual({
    KAFKA_LISTENER_NAME_A_SCRAM___SHA___256_SOME__THING: '1',
  });
});
