import { expect, test } from 'vitest';
import { aclText } from '../../connectors/kafka/acl-text.ts';
import { carts } from '../../processors/pipelines/carts.ts';
import { ordersDenorm } from '../../processors/pipelines/orders-denorm.ts';
import { processorAcls, sinkAcls, sourceAcls } from '../../processors/role-acls.ts';
import { printedRights } from '../support/acls.ts';

const commands = (...args: Parameters<typeof aclText>): string[] =>
  aclText(...args)
    .split('\n')
    .filter((line) => line.startsWith('kafka-acls'));

test('what is needed of one topic is one command, quoted for the shell', () => {
  const grants = sinkAcls('a b', "it's", ['progress']);
  expect(commands(grants, 'User:CN=x, O=y', 'kafka:9092')).toEqual([
    `kafka-acls --bootstrap-server kafka:9092 --add --allow-principal 'User:CN=x, O=y' --topic 'a b.progress' --operation Read`,
    `kafka-acls --bootstrap-server kafka:9092 --add --allow-principal 'User:CN=x, O=y' --topic 'a b.result-progress' --operation Read`,
    String.raw`kafka-acls --bootstrap-server kafka:9092 --add --allow-principal 'User:CN=x, O=y' --group 'a b-it'\''s' --operation Read`,
  ]);
});

test('a processor may not write what it reads, and deletes only where it repartitions', () => {
  const rightsOf = (...[prefix, pipeline]: Parameters<typeof processorAcls>) =>
    printedRights(aclText(processorAcls(prefix, pipeline), 'User:p', 'k:1'));
  const rights = rightsOf('shop', ordersDenorm);
  expect(rights).toContainEqual(['topic', 'shop.public.orders', 'Read']);
  expect(rights).toContainEqual([
    'topic',
    'shop.orders_denorm',
    'Create',
    'Describe',
    'DescribeConfigs',
    'Write',
  ]);
  expect(rights).toContainEqual(['group', 'shop-orders-denorm', 'Read']);
  for (const pipeline of [ordersDenorm, carts]) {
    const own = rightsOf('shop', pipeline).find(
      ([kind, name]) => kind === 'topic' && typeof name === 'object',
    );
    expect(own?.includes('Delete')).toBe(pipeline.plan.repartitions.length > 0);
  }
  expect(ordersDenorm.plan.repartitions.length).not.toBe(0);
});

test('a source has its prefix and its transactional id', () => {
  expect(printedRights(aclText(sourceAcls('shop', 'slot'), 'User:s', 'k:1'))).toEqual([
    ['topic', { prefix: 'shop.' }, 'Create', 'Describe', 'DescribeConfigs', 'Read', 'Write'],
    ['transactional-id', 'shop-source-slot', 'Write'],
  ]);
});
