import { must } from '../../../infra/process/assert.ts';
import type { Topic } from '../../../schemas/topic.ts';
import { topicName } from '../../../schemas/topic.ts';
import { kcatBytes } from '../../support/kcat-bytes.ts';
import { type RecordReader, valueText } from '../avro-text.ts';
import { schemaReaders } from '../schema-readers.ts';
import type { Batch } from './batches.ts';
import { expectedRows } from './oracle.ts';
import { type OutputName, outputsOf } from './outputs.ts';
import { RowBag, type Value, rowText } from './row-bag.ts';
import { type InputName, inputs } from './topics.ts';
import { writtenRows } from './written-rows.ts';

const FRAME_BYTES = 5;

/** What a topic has to say. */
interface ExpectedTopic {
  readonly topic: Pick<Topic<unknown, unknown>, 'name' | 'kind'>;
  readonly rows: RowBag;
}

interface JoinVerdict {
  readonly results: number;
  readonly missing: number;
  readonly extra: number;
}

/** What was found, and what else is wrong, one line each. */
export interface JoinOutcome extends JoinVerdict {
  readonly problems: readonly string[];
}

export const isJoinRight = ({ missing, extra, problems }: JoinOutcome): boolean =>
  missing + extra === 0 && problems.length === 0;

interface Judged {
  readonly brokers: string;
  readonly registryUrl: string;
  readonly prefix: string;
  readonly say: (line: string) => void;
}

/** Compares the inputs with what was to be written, and the results of both runs with the oracle's. */
export async function judgeJoin(judged: Judged, batches: readonly Batch[]): Promise<JoinOutcome> {
  const expected = expectedRows(batches);
  const written = writtenRows(batches);
  const wrote = await judgeTopics(
    judged,
    Object.entries(inputs).map(([name, topic]) => ({ topic, rows: written[name as InputName] })),
  );
  const of = (pipeline: string): Promise<JoinVerdict> =>
    judgeTopics(
      judged,
      Object.entries(outputsOf(pipeline)).map(([name, topic]) => ({
        topic,
        rows: expected[name as OutputName],
      })),
    );
  const calm = await of('undisturbed');
  const verdict = await of('disturbed');
  const wrong = ([what, { missing, extra }]: readonly [string, JoinVerdict]): string[] =>
    missing + extra === 0 ? [] : [`${what}: ${missing} missing, ${extra} extra`];
  const others = [
    ['what the writer wrote is not there as it wrote it', wrote],
    ['the undisturbed run', calm],
  ] as const;
  return { ...verdict, problems: others.flatMap(wrong) };
}

/** Reads topics to their ends, read-committed, with kcat: streams record by record, tables folded by key. */
async function judgeTopics(judged: Judged, expected: readonly ExpectedTopic[]): Promise<JoinVerdict> {
  const readerOf = schemaReaders(judged.registryUrl);
  const verdict = { results: 0, missing: 0, extra: 0 };
  const read = expected.map(async ({ topic }) => readTopic(judged, topic, readerOf));
  for (const [i, found] of (await Promise.all(read)).entries()) {
    const { topic, rows } = must(expected[i], 'a topic that was read');
    const { missing, extra, examples } = rows.difference(found.rows);
    judged.say(
      `${topic.name}: ${rows.size} ${topic.kind === 'table' ? 'rows' : 'events'} expected, ` +
        `${found.records} records, ${missing} missing, ${extra} extra`,
    );
    for (const example of examples) judged.say(`  ${example}`);
    verdict.results += rows.size;
    verdict.missing += missing;
    verdict.extra += extra;
  }
  return verdict;
}

async function readTopic(
  { brokers, prefix }: Judged,
  topic: ExpectedTopic['topic'],
  readerOf: (schemaId: number) => Promise<RecordReader>,
): Promise<{ readonly rows: RowBag; readonly records: number }> {
  const read = async (framed: Buffer): Promise<Value[]> =>
    (await readerOf(framed.readInt32BE(1))).read(framed.subarray(FRAME_BYTES)).map(valueText);
  const rows = new RowBag();
  // A key that came out on two partitions would be two rows.
  const last = new Map<string, string | null>();
  let records = 0;
  for await (const { key, value, partition } of kcatBytes(brokers, topicName(prefix, topic))) {
    records++;
    const keyValues = key === null ? [] : await read(key);
    const row = value === null ? null : rowText(keyValues, await read(value));
    if (topic.kind === 'table') last.set(`${partition} ${rowText(keyValues, [])}`, row);
    else rows.add(row ?? rowText(keyValues, ['(no value)']));
  }
  for (const row of last.values()) if (row !== null) rows.add(row);
  return { rows, records };
}
