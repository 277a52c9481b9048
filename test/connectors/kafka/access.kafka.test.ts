import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { type Acls, type Rights, openAcls } from '../../support/acls.ts';
import { joinAlone, text, unique } from './kafka-client.ts';
import { connectSecurely, useSecureKafka } from './secure-kafka.ts';

const place = useSecureKafka({ usesAcls: true });
let acls: Acls;
/** May do everything. */
let admin: Kafka;
/** Does what alice may. */
let client: Kafka;

beforeAll(async () => {
  const { kafka, authority, login } = place();
  acls = await openAcls(kafka.brokers.plaintext, 'User:alice');
  admin = await connectSecurely(kafka.brokers.plaintext, {});
  const tls = { ca: authority.certificate };
  client = await connectSecurely(kafka.brokers.saslSsl, { tls, sasl: login('PLAIN') });
});

afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await admin?.[Symbol.asyncDispose]();
  await acls?.[Symbol.asyncDispose]();
});

async function topicOfAdmin(): Promise<string> {
  const name = unique('topic');
  await admin.ensureTopics([{ name, partitions: 1, config: {} }]);
  return name;
}

/** How `run` fails while alice has these rights. */
async function denial(rights: readonly Rights[], run: () => Promise<unknown>): Promise<Failure> {
  await acls.allow(...rights);
  try {
    const error: unknown = await run().then(
      () => null,
      (reason: unknown) => reason,
    );
    if (!(error instanceof Failure)) throw new Error('nothing was denied', { cause: error });
    expect(error.order).toBe('stop');
    return error;
  } finally {
    await acls.withdraw(...rights);
  }
}

const GIVE = 'kafka-acls --add --allow-principal User:alice';

test('a producer without transactions says that it may not write anywhere', async () => {
  const { code, message, fix } = await denial([], () => client.openIdempotentProducer());
  expect(code).toBe('kafka.cluster_authorization_failed');
  expect(message).toContain('User:alice lacks the right IdempotentWrite on the cluster');
  expect(fix).toBe(`${GIVE} --operation IdempotentWrite --cluster`);
});

test('a producer that may not know its topic fails at once', async () => {
  const [topic, other] = [await topicOfAdmin(), await topicOfAdmin()];
  const { message, fix } = await denial([['topic', other, 'Write']], async () => {
    await using producer = await client.openIdempotentProducer();
    await producer.send([text(topic, 0, 'a')]);
  });
  expect(message).toContain(`finding the leader of ${topic}-0: User:alice lacks the right Describe`);
  expect(fix).toBe(`${GIVE} --operation Describe --topic ${topic}`);
});

test('a reader that may not know its topic, or not read it, fails at once', async () => {
  const topic = await topicOfAdmin();
  const read = async (): Promise<void> => {
    await using fetcher = client.openFetcher();
    fetcher.assign([{ topic, partition: 0, offset: 0 }]);
    for (;;) await fetcher.poll(1_000);
  };
  expect((await denial([], read)).message).toContain(`User:alice lacks the right Describe on topic ${topic}`);
  const { message, fix } = await denial([['topic', topic, 'Describe']], read);
  expect(message).toContain(`fetching ${topic}-0: User:alice lacks the right Read on topic ${topic}`);
  expect(fix).toBe(`${GIVE} --operation Read --topic ${topic}`);
});

test('a topic that may not be known is not waited for, and its ends are not asked for again and again', async () => {
  const topic = await topicOfAdmin();
  const lacking = `User:alice lacks the right Describe on topic ${topic}`;
  const forEver = new AbortController().signal;
  const waiting = await denial([], () => client.waitForTopics([topic], forEver));
  expect(waiting.message).toContain(lacking);
  const listing = await denial([], () => client.listOffsets([{ topic, partition: 0 }], 'earliest'));
  expect(listing.message).toContain(lacking);
  const deleting = await denial([], () => client.deleteRecords([{ topic, partition: 0, offset: 0 }]));
  expect(deleting.message).toContain(lacking);
});

test('topics that may not be made are told together, and one command is the fix', async () => {
  const names = [unique('topic'), unique('topic')].toSorted();
  const rights = names.map((name) => ['topic', name, 'Describe'] as const);
  const specs = names.map((name) => ({ name, partitions: 1, config: {} }));
  const { message, fix } = await denial(rights, () => client.ensureTopics(specs));
  for (const name of names) expect(message).toContain(`User:alice lacks the right Create on topic ${name}`);
  expect(fix).toBe(`${GIVE} --operation Create --topic ${names[0]} --topic ${names[1]}`);
});

test('a member and a producer of offsets say that they may not use their group', async () => {
  const topic = await topicOfAdmin();
  const [group, transactionalId] = [unique('group'), unique('tx')];
  const needed = `User:alice lacks the right Read on group ${group}`;
  const joining = await denial([['topic', topic, 'Read']], () => joinAlone(client, group, topic));
  expect(joining.message).toContain(needed);
  const committing = await denial([['transactional-id', transactionalId, 'Write']], async () => {
    await using producer = await client.openProducer(transactionalId);
    producer.begin();
    const metadata = { groupId: group, generationId: 1, memberId: 'somebody' };
    await producer.sendOffsets(metadata, [{ topic, partition: 0, offset: 1 }]);
  });
  expect(committing.message).toContain(needed);
  expect(committing.fix).toBe(`${GIVE} --operation Read --group ${group}`);
});

test('a client whose principal only the broker knows is told where to find it', async () => {
  const { kafka, authority, login } = place();
  const security = { tls: { ca: authority.certificate }, sasl: login('OAUTHBEARER') };
  await using anybody = await connectSecurely(kafka.brokers.saslSsl, security);
  const topic = await topicOfAdmin();
  const { message, fix } = await denial([], () => anybody.partitionCount(topic));
  expect(message).toContain(`this client's principal lacks the right Describe on topic ${topic}`);
  expect(fix).toBe(
    `kafka-acls --add --allow-principal User:... --operation Describe --topic ${topic}; the broker's authorizer log names the principal`,
  );
});

test('topics and groups that may not be deleted are named, and the topics that may be are gone', async () => {
  const [kept, gone, groupId] = [await topicOfAdmin(), await topicOfAdmin(), unique('group')];
  const outside = { groupId, generationId: -1, memberId: '' };
  await admin.commitOffsets(outside, [{ topic: kept, partition: 0, offset: 3 }]);
  const rights = [
    ['topic', kept, 'Describe'],
    ['topic', gone, 'Describe'],
    ['topic', gone, 'Delete'],
  ] as const;
  const { code, message, fix } = await denial(rights, () => client.deleteTopics([kept, gone]));
  expect(code).toBe('kafka.topic_authorization_failed');
  expect(message).toContain(`deleting topic ${kept}: User:alice lacks the right Delete on topic ${kept}`);
  expect(fix).toBe(`${GIVE} --operation Delete --topic ${kept}`);
  expect(await admin.existingTopics([kept, gone])).toEqual([kept]);
  const denied = await denial([['group', groupId, 'Describe']], () => client.deleteGroup(groupId));
  expect(denied.message).toContain(`User:alice lacks the right Delete on group ${groupId}`);
  expect(await admin.committedOffsets(groupId, [{ topic: kept, partition: 0 }])).toEqual([3]);
});
