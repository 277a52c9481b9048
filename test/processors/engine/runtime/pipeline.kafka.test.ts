import { expect, test } from 'vitest';
import { Failure } from '../../../../infra/process/failure.ts';
import { memoryHome } from '../../../../processors/engine/state/task-state.ts';
import { keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import type { Topic } from '../../../../schemas/topic.ts';
import { PipelineRig, until } from '../pipeline-rig.ts';

interface Pair {
  readonly group: string;
  readonly amount: number;
}

const pairSchema = {
  type: 'record',
  name: 'Pair',
  fields: [
    { name: 'group', type: 'string' },
    { name: 'amount', type: 'int' },
  ],
} as const;

const int: Schema<number> = { avro: 'int' };
const text = { kind: 'table', key: 'string', partitions: 2 } as const;
const lines: Topic<string, Pair> = { ...text, name: 'lines', value: pairSchema };
const names: Topic<string, string> = { ...text, name: 'names', value: 'string' };
const sums: Topic<string, number> = { ...text, name: 'sums', value: 'int' };
const labels: Topic<string, string> = { ...text, name: 'labels', value: 'string' };

const summing = topology('summing', (builder) => {
  builder
    .table(lines)
    .groupBy('by-group', keyOf(names), (line) => line.group)
    .aggregate('sum', int, {
      initial: () => 0,
      add: (sum, line) => sum + line.amount,
      subtract: (sum, line) => sum - line.amount,
    })
    .to(sums);
});

const labelling = topology('labelling', (builder) => {
  builder
    .stream(lines)
    .joinGlobal(
      'name',
      builder.globalTable(names),
      { key: (line) => line.group },
      (line, name) => `${line.amount} ${name}`,
    )
    .to(labels);
});

test('a table is grouped through a repartition topic, and moving rows change both groups', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([lines, names] as never, 2);
  await rig.cut();
  rig.start(summing);
  await rig.publish(lines, [
    { key: 'a', value: { group: 'x', amount: 1 } },
    { key: 'b', value: { group: 'x', amount: 2 } },
    { key: 'c', value: { group: 'y', amount: 4 } },
  ]);
  await rig.publish(lines, [{ key: 'b', value: { group: 'y', amount: 2 } }]);
  const latest = async () => new Map((await rig.results(sums)).map(({ key, value }) => [key, value]));
  await until(latest, (seen) => seen.get('x') === 1 && seen.get('y') === 6);
  await rig.publish(lines, [{ key: 'a', value: null }]);
  expect(await until(latest, (seen) => seen.get('x') === 0)).toEqual(
    new Map([
      ['x', 0],
      ['y', 6],
    ]),
  );
});

test('nothing is processed before the source has its snapshot, and the whole global table is there then', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([lines, names] as never, 2);
  await rig.publish(lines, [{ key: 'a', value: { group: 'x', amount: 1 }, timestamp: 1_000 }]);
  const running = rig.start(labelling);
  await until(
    () => running.state,
    (state) => state !== null && state.includes('snapshot'),
  );
  await rig.publish(names, [{ key: 'x', value: 'late row', timestamp: 2_000 }]);
  await rig.cut();
  const [label] = await until(
    () => rig.results(labels),
    (seen) => seen.length > 0,
  );
  expect(label).toMatchObject({ key: 'a', value: '1 late row', timestamp: 2_000 });
});

test('an event sees every row that was committed before it', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([lines, names] as never, 2);
  await rig.cut();
  rig.start(labelling);
  const rounds = 20;
  for (let round = 0; round < rounds; round++) {
    await rig.publish(names, [{ key: 'x', value: `v${round}` }]);
    await rig.publish(lines, [{ key: `k${round}`, value: { group: 'x', amount: round } }]);
  }
  const seen = await until(
    () => rig.results(labels),
    (results) => results.length >= rounds,
  );
  const early = seen.filter(({ value }) => {
    const [round, version] = (value ?? '').split(' v').map(Number);
    return Number(version) < Number(round);
  });
  expect(early).toEqual([]);
});

test('a record that cannot be decoded stops the pipeline, and the error says where it is', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([lines, names] as never, 2);
  await rig.cut();
  const running = rig.start(labelling);
  const ended = running.ended.catch((error: unknown) => error);
  await rig.publishGarbage(lines as Topic<string, never>, 1);
  expect(await ended).toMatchObject({
    code: 'engine.undecodable',
    order: 'stop',
    message: expect.stringContaining(`${rig.prefix}.lines[1] offset 0`) as string,
  });
});

test('an error that passes by itself is told by readiness for as long as it lasts', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([lines, names] as never, 2);
  await rig.cut();
  let isLocked = true;
  const running = rig.start(summing, 'a', {
    openHome() {
      if (isLocked) throw new Failure('engine.state_locked', 'retry', 'the state is open already');
      return memoryHome();
    },
  });
  await until(
    () => running.state,
    (state) => state === 'restarting after an error: the state is open already',
  );
  isLocked = false;
  await until(
    () => running.state,
    (state) => state === null,
  );
});

test('what goes in is counted: processed, matched, dropped by reason', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([lines, names] as never, 2);
  await rig.publish(names, [{ key: 'x', value: 'Xenia' }]);
  await rig.cut();
  const running = rig.start(labelling);
  await rig.publish(lines, [{ key: 'a', value: null }]);
  await rig.publish(lines, [{ key: 'a', value: { group: 'x', amount: 1 } }]);
  await until(
    () => rig.results(labels),
    (seen) => seen.length === 1,
  );
  const text = await until(
    () => running.metrics.text(),
    (all) => /records_processed_total\{.*\} 2/.test(all),
  );
  expect(text).toMatch(
    /millrace_operator_records_in_total\{pipeline="labelling",node="name",input="KSTREAM-SOURCE-\d+"\} 2/,
  );
  expect(text).toMatch(/millrace_operator_records_out_total\{pipeline="labelling",node="name"\} 1/);
  expect(text).toMatch(/millrace_join_matched_total\{pipeline="labelling",node="name"\} 1/);
  expect(text).toMatch(
    /millrace_records_dropped_total\{pipeline="labelling",node="name",reason="null_value"\} 1/,
  );
});
