import { expect, test } from 'vitest';
import type { FetchedBatch } from '../../../../connectors/kafka/port.ts';
import { systemClock } from '../../../../infra/process/clock.ts';
import { Metrics } from '../../../../infra/process/metrics.ts';
import { bodySerdes } from '../../../../processors/engine/body-serdes.ts';
import { subTopologies } from '../../../../processors/engine/plan/sub-topology.ts';
import { ProcessorGraph } from '../../../../processors/engine/processor-graph.ts';
import { ChangelogPositions } from '../../../../processors/engine/runtime/changelog-positions.ts';
import type { CommitChannel } from '../../../../processors/engine/runtime/commit-channel.ts';
import { Committer } from '../../../../processors/engine/runtime/committer.ts';
import { type EngineMetrics, engineMetrics } from '../../../../processors/engine/runtime/engine-metrics.ts';
import type { InputTopic } from '../../../../processors/engine/runtime/input-topics.ts';
import { operatorProgress } from '../../../../processors/engine/runtime/operator-progress.ts';
import { PartitionBuffer } from '../../../../processors/engine/runtime/partition-buffer.ts';
import { PendingOutput } from '../../../../processors/engine/runtime/pending-output.ts';
import type { ReadPosition } from '../../../../processors/engine/runtime/read-position.ts';
import { StreamTask } from '../../../../processors/engine/runtime/stream-task.ts';
import { memoryHome } from '../../../../processors/engine/state/task-state.ts';
import { topology } from '../../../../processors/engine/topology.ts';
import type { Topic } from '../../../../schemas/topic.ts';

const clicks: Topic<string, string> = {
  name: 'clicks',
  kind: 'stream',
  partitions: 1,
  key: 'string',
  value: 'string',
};
const counting = topology('counting', (builder) => {
  builder.stream(clicks).windowedBy({ tumbling: 1_000 }, { grace: 0 }).count('counted');
});
const [part] = subTopologies(counting.plan);
const nodes = part?.nodes ?? [];
const sourceId = nodes[0]?.id ?? '';
const serdes = bodySerdes({
  register: () => Promise.reject(new TypeError('nothing is registered')),
  schemaById: () => Promise.reject(new TypeError('nothing is looked up')),
  latest: () => Promise.reject(new TypeError('nothing is looked up')),
});

/** Reads events whose time is that of the message; one at time 0 has none. */
const input: InputTopic = {
  topic: 'clicks',
  isTable: false,
  isInternal: false,
  sources: [sourceId],
  decoder: { load: () => Promise.resolve(), decode: () => expect.unreachable() },
  admit({ timestamp: time }, onDrop) {
    if (time === 0) {
      onDrop(sourceId, 'no_time');
      return [];
    }
    const keyBody = serdes('string').encodeBody('a');
    return [{ sourceId, record: { key: 'a', keyBody, value: 'x', oldValue: null, time, commitTime: time } }];
  },
};

const nothingLacking = () => ({ ends: new Set<ReadPosition>(), schemas: new Set<PartitionBuffer>() });

async function openTask(start: number): Promise<StreamTask> {
  const state = await memoryHome().open('0_0', counting.plan.stores);
  const { stores } = state;
  const { functions } = counting;
  const listener = { onEmit: () => null };
  const globals = new Map();
  const storePlans = counting.plan.stores;
  return new StreamTask({
    id: '0_0',
    partition: 0,
    state,
    storePlans,
    inputs: [new PartitionBuffer(input, 0, start, start)],
    graph: new ProcessorGraph({
      nodes,
      stores: storePlans,
      functions,
      state: stores,
      globals,
      serdes,
      listener,
    }),
    globals: { areClearFor: () => true },
    changelog: (store) => store,
    progress: operatorProgress(nodes, storePlans, stores),
  });
}

function batchOf(times: readonly number[]): FetchedBatch {
  const place = { topic: 'clicks', partition: 0 };
  const records = times.map((timestamp, offset) => ({
    ...place,
    offset,
    timestamp,
    key: null,
    value: null,
    headers: [],
  }));
  return { ...place, records, nextOffset: times.length, lastStableOffset: times.length };
}

function session(metrics: EngineMetrics, fails: boolean) {
  const channel: CommitChannel = {
    commit: () => (fails ? Promise.reject(new Error('the broker is gone')) : Promise.resolve([])),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const committer = new Committer({
    channel,
    pending: new PendingOutput(),
    positions: new ChangelogPositions((store) => store),
    clock: systemClock,
    metrics,
    onCommitted: () => undefined,
  });
  return (task: StreamTask) => committer.commit([task], { groupId: 'g', generationId: 1, memberId: 'm' });
}

const valuesOf = async (metrics: Metrics): Promise<string[]> =>
  (await metrics.text())
    .split('\n')
    .filter((line) => /^millrace_(operator|records)/.test(line))
    .map((line) => line.replaceAll(/^millrace_|pipeline="counting",?/g, ''));

test('what a commit loses is not counted; done again it counts once', async () => {
  const times = [500, 0, 600];
  const metrics = new Metrics();
  const engine = engineMetrics(metrics, 'counting');
  const lost = await openTask(0);
  lost.receive(batchOf(times), 1);
  const lacking = nothingLacking();
  for (let next = lost.next(lacking); next !== null; next = lost.next(lacking)) lost.process(next);
  await expect(session(engine, true)(lost)).rejects.toThrow('the broker is gone');
  expect(await valuesOf(metrics)).toEqual([]);

  const again = await openTask(0);
  const commit = session(engine, false);
  again.receive(batchOf(times), 1);
  const first = again.next(nothingLacking());
  expect(first).not.toBe(null);
  if (first !== null) again.process(first);
  expect(again.next(nothingLacking())).not.toBe(null);
  await commit(again);
  // The record without a time lies before the one that is next: it is committed with what has been processed.
  expect(await valuesOf(metrics)).toEqual(
    expect.arrayContaining([
      `operator_records_in_total{node="${sourceId}",input="clicks"} 2`,
      `operator_records_out_total{node="${sourceId}"} 1`,
      `records_dropped_total{node="${sourceId}",reason="no_time"} 1`,
      `operator_records_in_total{node="counted",input="${sourceId}"} 1`,
      'operator_stream_time_seconds{task="0_0",node="counted"} 0.5',
      'operator_pending_entries{task="0_0",node="counted"} 1',
    ]),
  );
});

test('a source that makes nothing of a message counts it when the offsets have moved past it', async () => {
  const metrics = new Metrics();
  const task = await openTask(0);
  task.receive(batchOf([500, 600, 0]), 1);
  const commit = session(engineMetrics(metrics, 'counting'), false);
  const step = async () => {
    const next = task.next(nothingLacking());
    if (next !== null) task.process(next);
    task.next(nothingLacking());
    await commit(task);
    return (await valuesOf(metrics)).filter((line) => line.startsWith('records_dropped'));
  };
  expect(await step()).toEqual([]);
  expect(await step()).toEqual([`records_dropped_total{node="${sourceId}",reason="no_time"} 1`]);
});
