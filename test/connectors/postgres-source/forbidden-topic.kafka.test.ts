import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Acls, type Operation, openAcls } from '../../support/acls.ts';
import { PASSWORD, useSecureKafka } from '../kafka/secure-kafka.ts';
import { KafkaView } from './cdc-topic.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';
import { type SourceProcess, startSource, stateDirOf } from './source-process.ts';
import { STREAMING, acknowledged, told } from './streamed-tables.ts';

const place = useSecureKafka({ usesAcls: true });

/** What the README says that the source needs on its topics. */
const ALL: readonly Operation[] = ['Create', 'Describe', 'DescribeConfigs', 'Read', 'Write'];
const without = (missing: Operation): readonly Operation[] => ALL.filter((right) => right !== missing);

/** Tables t and o with a row each, at a broker that lets the source do what `README.md` asks for, t's topic excepted. */
interface GuardedTables extends AsyncDisposable {
  readonly database: SourceDatabase;
  readonly acls: Acls;
  readonly topicOf: (table: string) => string;
  readonly transactionalId: string;
  /** Starts a source. */
  readonly start: (flags?: Readonly<Record<string, string>>) => SourceProcess;
  /** Starts a source that has all rights, and ends it when the slot has acknowledged all that is committed now. */
  readonly catchUp: (flags?: Readonly<Record<string, string>>) => Promise<void>;
  /** The events of a table's topic. */
  readonly told: (table: string) => Promise<string[]>;
  /** The last value of every key of a table's topic. */
  readonly rows: (table: string) => Promise<string[]>;
}

async function guardTables(rightsOnT: readonly Operation[]): Promise<GuardedTables> {
  const { kafka, authority } = place();
  const cleanUp = new AsyncDisposableStack();
  const made = cleanUp.use(await createSourceDatabase());
  await made.sql(
    `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a');
     CREATE TABLE o (id int PRIMARY KEY, v text); INSERT INTO o VALUES (1, 'x');`,
  );
  const database = { ...made, url: await made.grantSource(['public.t', 'public.o']) };
  const folder = await mkdtemp(join(tmpdir(), 'forbidden-topic-'));
  cleanUp.defer(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'ca.pem'), authority.certificate);
  const view = cleanUp.use(await KafkaView.open(kafka.brokers.plaintext));
  const acls = cleanUp.use(await openAcls(kafka.brokers.plaintext, 'User:alice'));
  const topicOf = (table: string): string => `${database.name}.public.${table}`;
  const transactionalId = `${database.name}-source-${database.name}`;
  for (const topic of [`${database.name}.position`, `${database.name}.progress`, topicOf('o')])
    await acls.allow(['topic', topic, ...ALL]);
  await acls.allow(['topic', `${database.name}.dlq`, 'Describe']);
  await acls.allow(['transactional-id', transactionalId, 'Write'], ['topic', topicOf('t'), ...rightsOnT]);
  const start = (flags = {}): SourceProcess =>
    startSource(database, {
      'kafka-bootstrap-servers': kafka.brokers.saslSsl,
      'kafka-security-protocol': 'SASL_SSL',
      'kafka-ssl-ca-location': join(folder, 'ca.pem'),
      'kafka-sasl-mechanism': 'PLAIN',
      'kafka-sasl-username': 'alice',
      'kafka-sasl-password': PASSWORD,
      ...flags,
    });
  return {
    database,
    acls,
    topicOf,
    transactionalId,
    start,
    async catchUp(flags) {
      await using source = start(flags);
      await source.logged(STREAMING);
      await acknowledged(database);
      expect(await source.end('SIGTERM')).toBe(0);
    },
    told: async (table) => told(await view.events(topicOf(table))),
    rows: async (table) =>
      [...(await view.table(topicOf(table)))].map(([id, row]) => `${id} ${String(row['v'])}`).toSorted(),
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

interface LoggedError {
  readonly level: string;
  readonly code: string;
  readonly err: { readonly message: string; readonly order: string; readonly fix: string };
}

/** The one error that a source ends with by itself, at its first try. */
async function denial(source: SourceProcess): Promise<LoggedError['err'] & { readonly code: string }> {
  expect(await source.exited).toBe(1);
  expect(source.log()).not.toContain('starting again');
  const lines = source
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  const errors = lines
    .map((line) => JSON.parse(line) as LoggedError)
    .filter(({ level }) => level === 'error');
  expect(errors).toHaveLength(1);
  const { code, err } = errors[0] as LoggedError;
  expect(err.order).toBe('stop');
  return { ...err, code };
}

test.for([
  ['Describe', 'reading the metadata of topic', []],
  ['Create', 'creating topic', without('Create')],
  ['DescribeConfigs', 'reading the configuration of topic', without('DescribeConfigs')],
  ['Write', 'adding', without('Write')],
] as const)(
  "S133 a source that lacks the right %s on a table's topic stops, and says so; with it, the topic has the whole table",
  async ([operation, step, rights]) => {
    await using tables = await guardTables(rights);
    const topic = tables.topicOf('t');
    const { code, message, fix } = await denial(tables.start());
    expect(code).toBe('kafka.topic_authorization_failed');
    expect(message).toContain(`${step} ${topic}`);
    expect(message).toContain(
      `: User:alice lacks the right ${operation} on topic ${topic}: the broker answered`,
    );
    expect(fix).toBe(
      `kafka-acls --add --allow-principal User:alice --operation ${operation} --topic ${topic}`,
    );
    await tables.database.sql("INSERT INTO t VALUES (2, 'b'); INSERT INTO o VALUES (2, 'y')");
    await tables.acls.allow(['topic', topic, ...ALL]);
    await tables.catchUp();
    expect(await tables.rows('t')).toEqual(['1 a', '2 b']);
    expect(await tables.rows('o')).toEqual(['1 x', '2 y']);
  },
);

test.for(['exactly_once', 'at_least_once'] as const)(
  'S133 a source that loses the right to write a topic while it runs stops, and goes on where it was once it has it (%s)',
  async (guarantee) => {
    const flags = { 'processing-guarantee': guarantee };
    await using tables = await guardTables(ALL);
    const { sql } = tables.database;
    const topic = tables.topicOf('t');
    const source = tables.start(flags);
    await source.logged(STREAMING);
    await acknowledged(tables.database);
    await tables.acls.withdraw(['topic', topic, 'Write']);
    await sql("BEGIN; INSERT INTO o VALUES (2, 'y'); INSERT INTO t VALUES (2, 'b'); COMMIT");
    const { code, message, fix } = await denial(source);
    expect(code).toBe('kafka.topic_authorization_failed');
    expect(message).toContain(`User:alice lacks the right Write on topic ${topic}`);
    expect(fix).toBe(`kafka-acls --add --allow-principal User:alice --operation Write --topic ${topic}`);
    await sql(
      "BEGIN; UPDATE t SET v = 'z' WHERE id = 1; DELETE FROM t WHERE id = 2; INSERT INTO o VALUES (3, 'z'); COMMIT",
    );
    await tables.acls.allow(['topic', topic, 'Write']);
    await tables.catchUp(flags);
    expect(await tables.told('t')).toEqual(['r 1 a', 'c 2 b', 'u 1 z', 'd 2 -']);
    const others = await tables.told('o');
    // Rows that were sent at least once before the denial come again.
    expect(guarantee === 'exactly_once' ? others : [...new Set(others)]).toEqual(['r 1 x', 'c 2 y', 'c 3 z']);
  },
);

test('S133 a table that joins the publication, and whose topic may not be made, stops the source; with the right it is copied', async () => {
  await using tables = await guardTables(ALL);
  const { database } = tables;
  const topic = tables.topicOf('n');
  const source = tables.start();
  await source.logged(STREAMING);
  await tables.acls.allow(['topic', topic, ...without('Create')]);
  await database.sql(
    `CREATE TABLE n (id int PRIMARY KEY, v text); INSERT INTO n VALUES (1, 'n');
     GRANT SELECT ON n TO ${database.name}; ALTER PUBLICATION millrace ADD TABLE n`,
  );
  const { message } = await denial(source);
  expect(message).toContain(`User:alice lacks the right Create on topic ${topic}`);
  await tables.acls.allow(['topic', topic, 'Create']);
  await using next = tables.start();
  await next.logged(STREAMING);
  await database.sql("INSERT INTO n VALUES (2, 'm')");
  await expect.poll(() => tables.rows('n'), { timeout: 30_000 }).toEqual(['1 n', '2 m']);
});

test('S133 a source that may not read back what it has published stops, and says so', async () => {
  await using tables = await guardTables(ALL);
  const topic = tables.topicOf('t');
  await tables.catchUp();
  await tables.acls.withdraw(['topic', topic, 'Read']);
  await rm(stateDirOf(tables.database), { recursive: true });
  const { message, fix } = await denial(tables.start());
  expect(message).toMatch(/^fetching /);
  expect(message).toContain(`User:alice lacks the right Read on topic ${topic}`);
  expect(fix).toBe(`kafka-acls --add --allow-principal User:alice --operation Read --topic ${topic}`);
});

test('S133 a source that may not use its transactional id stops, and names it; with the right nothing is lost or doubled', async () => {
  await using tables = await guardTables(ALL);
  const { transactionalId } = tables;
  const write = ['transactional-id', transactionalId, 'Write'] as const;
  const expectDenial = async (source: SourceProcess): Promise<void> => {
    const { code, message, fix } = await denial(source);
    expect(code).toBe('kafka.transactional_id_authorization_failed');
    expect(message).toContain(`User:alice lacks the right Write on transactional id ${transactionalId}`);
    expect(fix).toBe(
      `kafka-acls --add --allow-principal User:alice --operation Write --transactional-id ${transactionalId}`,
    );
  };
  await tables.acls.withdraw(write);
  await expectDenial(tables.start());
  // Enough to find the coordinator.
  await tables.acls.allow(['transactional-id', transactionalId, 'Describe']);
  await expectDenial(tables.start());
  await tables.acls.allow(write);
  const source = tables.start();
  await source.logged(STREAMING);
  await acknowledged(tables.database);
  await tables.acls.withdraw(write);
  await tables.database.sql("INSERT INTO t VALUES (2, 'b')");
  await expectDenial(source);
  await tables.database.sql("INSERT INTO t VALUES (3, 'c')");
  await tables.acls.allow(write);
  await tables.catchUp();
  expect(await tables.told('t')).toEqual(['r 1 a', 'c 2 b', 'c 3 c']);
});
