import { expect, test } from 'vitest';
import type { ConsumerRecord, FetchedBatch } from '../../../../connectors/kafka/port.ts';
import { must } from '../../../../infra/process/assert.ts';
import { Failure } from '../../../../infra/process/failure.ts';
import type { PlanNode } from '../../../../processors/engine/plan/plan.ts';
import { ProcessorGraph } from '../../../../processors/engine/processor-graph.ts';
import type { StreamRecord } from '../../../../processors/engine/record.ts';
import type { InputTopic } from '../../../../processors/engine/runtime/input-topics.ts';
import { PartitionBuffer } from '../../../../processors/engine/runtime/partition-buffer.ts';
import type { ReadPosition } from '../../../../processors/engine/runtime/read-position.ts';
import { StreamTask } from '../../../../processors/engine/runtime/stream-task.ts';
import { memoryHome } from '../../../../processors/engine/state/task-state.ts';

const emptyState = await memoryHome().open('0_0', []);

interface Raw {
  readonly offset: number;
  readonly time: number;
  readonly committed?: number;
}

/** An input whose records carry their event time as key and nothing else. */
function input(topic: string, isTable: boolean): InputTopic {
  const decode = (raw: ConsumerRecord) => ({
    key: null,
    keyBody: null,
    value: raw.offset,
    timestamp: raw.timestamp,
  });
  return {
    topic,
    isTable,
    isInternal: false,
    sources: [topic],
    decoder: { load: () => Promise.resolve(), decode },
    admit: (raw) => {
      const record = {
        ...decode(raw),
        oldValue: null,
        time: Number(raw.key?.toString()),
        commitTime: raw.timestamp,
      };
      return [{ sourceId: topic, record }];
    },
  };
}

function batch(
  topic: string,
  raws: readonly Raw[],
  nextOffset = (raws.at(-1)?.offset ?? -1) + 1,
): FetchedBatch {
  const place = { topic, partition: 0 };
  const records = raws.map(({ offset, time, committed = time }) => ({
    ...place,
    offset,
    timestamp: committed,
    key: Buffer.from(String(time)),
    value: null,
    headers: [],
  }));
  return { ...place, records, nextOffset, lastStableOffset: nextOffset };
}

function taskOver(
  inputs: readonly InputTopic[],
  globalsAreClear: () => boolean = () => true,
  emit: () => void = () => undefined,
) {
  const seen: string[] = [];
  const nodes: PlanNode[] = inputs.flatMap(({ topic }) => [
    { id: topic, operator: 'repartition-source', inputs: [], stores: [], repartition: topic },
    { id: `${topic}-sink`, operator: 'repartition-sink', inputs: [topic], stores: [], repartition: topic },
  ]);
  const listener = {
    onEmit: (node: PlanNode, record: StreamRecord) => {
      emit();
      seen.push(`${node.inputs[0]}@${record.time}`);
      return null;
    },
  };
  const nothing = { stores: [], functions: new Map(), state: new Map(), globals: new Map() };
  const serdes = (): never => {
    throw new TypeError('no serde is needed');
  };
  const graph = new ProcessorGraph({ ...nothing, nodes, serdes, listener });
  const task = new StreamTask({
    id: '0_0',
    partition: 0,
    inputs: inputs.map((each) => new PartitionBuffer(each, 0, 0, null)),
    storePlans: [],
    state: emptyState,
    graph,
    globals: { areClearFor: globalsAreClear },
    changelog: (store) => store,
    progress: [],
  });
  const run = (): { seen: string[]; unlisted: ReadPosition[]; unreadable: PartitionBuffer[] } => {
    const ends = new Set<ReadPosition>();
    const schemas = new Set<PartitionBuffer>();
    const lacking = { ends, schemas };
    for (let next = task.next(lacking); next !== null; next = task.next(lacking)) task.process(next);
    return { seen: seen.splice(0), unlisted: [...ends], unreadable: [...schemas] };
  };
  return { task, run };
}

test('streams go in order of event time, ties by topic', () => {
  const { task, run } = taskOver([input('a', false), input('b', false)]);
  task.receive(
    batch('a', [
      { offset: 0, time: 5 },
      { offset: 1, time: 3 },
      { offset: 2, time: 9 },
    ]),
    1,
  );
  task.receive(
    batch('b', [
      { offset: 0, time: 4 },
      { offset: 1, time: 9 },
      { offset: 2, time: 10 },
    ]),
    1,
  );
  for (const each of task.inputs) each.read.listed(1, each.read.position);
  expect(run().seen).toEqual(['b@4', 'a@5', 'a@3', 'a@9', 'b@9', 'b@10']);
});

test('a change of a table goes before an event that was committed after it, whatever the event times', () => {
  const { task, run } = taskOver([input('events', false), input('rows', true)]);
  task.receive(
    batch('events', [
      { offset: 0, time: 1, committed: 100 },
      { offset: 1, time: 2, committed: 300 },
    ]),
    1,
  );
  task.receive(
    batch('rows', [
      { offset: 0, time: 100 },
      { offset: 1, time: 200 },
      { offset: 2, time: 400 },
    ]),
    1,
  );
  for (const each of task.inputs) each.read.listed(1, each.read.position);
  expect(run().seen).toEqual(['rows@100', 'events@1', 'rows@200', 'events@2', 'rows@400']);
});

test('an event waits until every other input has been read to an end that was listed after it came', () => {
  const { task, run } = taskOver([input('events', false), input('rows', true)]);
  task.receive(batch('events', [{ offset: 0, time: 50 }]), 7);
  const { seen, unlisted } = run();
  expect(seen).toEqual([]);
  expect(unlisted.map(({ partition }) => partition.topic)).toEqual(['rows']);
  unlisted[0]?.listed(7, 2);
  expect(run()).toEqual({ seen: [], unlisted: [], unreadable: [] });
  task.receive(batch('rows', [{ offset: 0, time: 40 }]), 8);
  expect(run().seen).toEqual(['rows@40']);
  task.receive(batch('rows', [], 2), 9);
  expect(run().seen).toEqual(['events@50']);
});

test('an event waits for the global tables', () => {
  let clear = false;
  const { task, run } = taskOver([input('events', false)], () => clear);
  task.receive(batch('events', [{ offset: 0, time: 1 }]), 1);
  expect(run().seen).toEqual([]);
  clear = true;
  expect(run().seen).toEqual(['events@1']);
});

test('what is processed is the first offset that is not, or the end of what was read', () => {
  const { task, run } = taskOver([input('events', false), input('more', false)]);
  task.receive(
    batch(
      'events',
      [
        { offset: 3, time: 1 },
        { offset: 8, time: 2 },
      ],
      12,
    ),
    1,
  );
  expect(task.inputs[0]?.processed).toBe(3);
  task.inputs[1]?.read.listed(1, 0);
  run();
  expect(task.inputs[0]?.processed).toBe(12);
  expect(task.takeProcessed()).toBe(2);
});

test('a task waits for the schemas of a record that may be the next, and for no others', async () => {
  let isLoaded = false;
  const plain = input('events', false);
  const load = async (): Promise<void> => void (isLoaded = true);
  const evolved: InputTopic = {
    ...plain,
    decoder: { ...plain.decoder, load },
    admit: (raw, onDrop) => (raw.offset === 1 && !isLoaded ? null : plain.admit(raw, onDrop)),
  };
  const { task, run } = taskOver([evolved, input('more', false)]);
  task.receive(
    batch('events', [
      { offset: 0, time: 1 },
      { offset: 1, time: 3 },
    ]),
    1,
  );
  task.receive(
    batch('more', [
      { offset: 0, time: 2 },
      { offset: 1, time: 4 },
    ]),
    1,
  );
  for (const each of task.inputs) each.read.listed(1, each.read.position);
  const { seen, unreadable } = run();
  expect(seen).toEqual(['events@1']);
  expect(unreadable).toEqual([task.inputs[0]]);
  expect(task.inputs[0]?.processed).toBe(1);
  await unreadable[0]?.prepare();
  expect(run().seen).toEqual(['more@2', 'events@3', 'more@4']);
});

test('records of which a source makes nothing are passed, and hold nobody up', () => {
  const plain = input('events', false);
  const picky: InputTopic = {
    ...plain,
    admit: (raw, onDrop) => {
      if (raw.offset > 0) return plain.admit(raw, onDrop);
      onDrop('events', 'null_value');
      return [];
    },
  };
  const { task, run } = taskOver([picky]);
  task.receive(batch('events', [{ offset: 0, time: 1 }], 3), 1);
  expect(task.inputs[0]?.processed).toBe(0);
  expect(run().seen).toEqual([]);
  expect(task.inputs[0]?.length).toBe(0);
  expect(task.inputs[0]?.processed).toBe(3);
  expect(task.inputs[0]?.takeRefusals()).toEqual([{ offset: 0, sourceId: 'events', reason: 'null_value' }]);
});

test('an error is that of the record it came at, but for one that says that the process must begin anew', () => {
  const errors = [new RangeError('too bad'), new Failure('engine.state_damaged', 'restart', 'damaged')];
  const { task, run } = taskOver([input('a', false)], undefined, () => {
    throw must(errors.shift(), 'no more errors');
  });
  task.receive(batch('a', [{ offset: 7, time: 1 }]), 1);
  expect(run).toThrow('task 0_0 failed at the record a[0] offset 7');
  expect(run).toThrow(expect.objectContaining({ code: 'engine.state_damaged', order: 'restart' }));
});

test('a table that is loaded first is read to its end of the moment before anything else', () => {
  const rows = { ...input('rows', true), loadFirst: true };
  const { task, run } = taskOver([input('events', false), rows]);
  const [events, table] = task.inputs;
  task.receive(batch('events', [{ offset: 0, time: 1 }]), 1);
  const first = run();
  expect(first.seen).toEqual([]);
  expect(first.unlisted).toEqual([table?.read]);
  table?.read.listed(1, 2);
  events?.read.listed(1, 1);
  task.receive(batch('rows', [{ offset: 0, time: 90 }]), 2);
  expect(run().seen).toEqual(['rows@90']);
  task.receive(
    batch('rows', [
      { offset: 1, time: 80 },
      { offset: 2, time: 85 },
    ]),
    3,
  );
  expect(run().seen).toEqual(['rows@80', 'rows@85', 'events@1']);
  task.receive(batch('events', [{ offset: 1, time: 2 }]), 4);
  task.receive(batch('rows', [{ offset: 3, time: 99 }]), 4);
  for (const each of task.inputs) each.read.listed(4, each.read.position);
  expect(run().seen).toEqual(['events@2', 'rows@99']);
});

test('a task that takes back what it has read loads its tables first again', () => {
  const rows = { ...input('rows', true), loadFirst: true };
  const { task, run } = taskOver([input('events', false), rows]);
  run();
  for (const each of task.inputs) each.read.listed(1, 0);
  task.receive(batch('events', [{ offset: 0, time: 1 }]), 1);
  expect(run().seen).toEqual(['events@1']);
  task.rewind();
  task.receive(batch('events', [{ offset: 0, time: 1 }]), 2);
  task.receive(batch('rows', [{ offset: 0, time: 99 }]), 2);
  for (const each of task.inputs) each.read.listed(2, 1);
  expect(run().seen).toEqual(['rows@99', 'events@1']);
});
