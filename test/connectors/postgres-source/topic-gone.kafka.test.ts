import { Kafka, logLevel } from 'kafkajs';
import { expect, inject, test } from 'vitest';
import { streamTables, told } from './streamed-tables.ts';

async function deleteTopic(topic: string): Promise<void> {
  const brokers = inject('kafkaBrokers').split(',');
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
}

const TABLES = `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE o (id int PRIMARY KEY, v text);`;
const LOST = 'the topic has lost rows';

test('S133 a topic that is deleted while nobody writes is made again, and has the whole table', async () => {
  await using tables = await streamTables(TABLES, ['t', 'o']);
  const { sql } = tables.database;
  await sql("INSERT INTO t VALUES (1, 'a'), (2, 'b'); INSERT INTO o VALUES (1, 'x')");
  expect(told(await tables.settled('t'))).toEqual(['c 1 a', 'c 2 b']);
  await tables.source().end('SIGTERM');
  await deleteTopic(tables.topicOf('t'));
  // Killed as soon as the topic is there again, mostly before a word of the copy is in Kafka.
  const first = await tables.start();
  await first.logged(LOST);
  await first.end('SIGKILL');
  const second = await tables.start();
  await sql("INSERT INTO t VALUES (3, 'c')");
  const table = async (): Promise<string[]> =>
    [...(await tables.view.table(tables.topicOf('t')))]
      .map(([id, row]) => `${id} ${String(row['v'])}`)
      .toSorted();
  await expect.poll(table, { timeout: 30_000 }).toEqual(['1 a', '2 b', '3 c']);
  expect(told(await tables.settled('o'))).toEqual(['c 1 x']);
  const lost = (first.log() + second.log()).split('\n').filter((line) => line.includes(LOST));
  expect(lost.filter((line) => line.includes(tables.topicOf('o')))).toEqual([]);
});
