import { expect, test } from 'vitest';
import { bodySerdes } from '../../../processors/engine/body-serdes.ts';
import { filteredRecords } from '../../../processors/engine/operator-counts.ts';
import { ProcessorGraph } from '../../../processors/engine/processor-graph.ts';
import type { DropReason } from '../../../processors/engine/record.ts';
import { openStores } from '../../../processors/engine/state/open-stores.ts';
import { type Topology, topology } from '../../../processors/engine/topology.ts';
import type { Topic } from '../../../schemas/topic.ts';

const text = { kind: 'stream', key: 'string', value: 'string', partitions: 1 } as const;
const clicks: Topic<string, string> = { ...text, name: 'clicks' };
const users: Topic<string, string> = { ...text, kind: 'table', name: 'users' };
const result: Topic<string, string> = { ...text, name: 'result' };
const noRegistry = {
  register: () => Promise.reject(new TypeError('nothing is registered')),
  schemaById: () => Promise.reject(new TypeError('nothing is looked up')),
  latest: () => Promise.reject(new TypeError('nothing is looked up')),
};

/** Runs the topology in one task; `process` gives a record to the source of a topic. */
function running({ plan, functions }: Topology, refused: (value: unknown) => DropReason | null = () => null) {
  const serdes = bodySerdes(noRegistry);
  const graph = new ProcessorGraph({
    nodes: plan.nodes,
    stores: plan.stores,
    functions,
    state: openStores(plan.stores),
    globals: new Map(),
    serdes,
    listener: { onEmit: (_, { value }) => refused(value) },
  });
  const process = (topic: string, key: string | null, value: string | null, time = 0): void => {
    const source = plan.nodes.find((node) => 'topic' in node && node.topic.name === topic);
    const keyBody = key === null ? null : serdes('string').encodeBody(key);
    graph.process(source?.id ?? '', { key, keyBody, value, oldValue: null, time, commitTime: time });
  };
  const books = () =>
    [...graph.counts.values()].map((counts) => {
      const { node, received, forwarded, dropped } = counts;
      return [node.operator, received, forwarded, Object.fromEntries(dropped), filteredRecords(counts)];
    });
  return { graph, process, books };
}

const enriching = topology('enriching', (builder) => {
  builder
    .stream(clicks)
    .filter((value) => value !== 'bot')
    .joinTable('named', builder.table(users), (click, user) => `${click} ${user}`)
    .to(result);
});

test('in is out, dropped and filtered, operator by operator', () => {
  const { process, books } = running(enriching, (value) => (value === 'b Ada' ? 'null_key' : null));
  process('users', 'u', 'Ada');
  process('users', null, 'Eve');
  for (const value of ['a', 'b', 'bot', null]) process('clicks', 'u', value);
  process('clicks', 'nobody', 'c');
  process('clicks', null, 'd');
  expect(books()).toEqual([
    ['stream-source', [6], 6, {}, 0],
    ['filter', [6], 4, { null_value: 1 }, 1],
    ['table-source', [2], 1, { null_key: 1 }, 0],
    ['stream-table-join', [4, 1], 2, { null_key: 1 }, 1],
    ['sink', [2], 1, { null_key: 1 }, 0],
  ]);
});

test('operators that make any number of records have no balance; they count in, out and dropped all the same', () => {
  const { process, books } = running(
    topology('counting', (builder) => {
      builder.stream(clicks).windowedBy({ tumbling: 10 }, { grace: 0 }).count('counted');
    }),
  );
  for (const time of [1, 2, 25, 3]) process('clicks', 'u', 'a', time);
  expect(books()[1]).toEqual(['window-aggregate', [4], 1, { late: 1 }, null]);
});

test('counts that are set back begin at zero', () => {
  const { graph, process, books } = running(enriching);
  process('clicks', 'u', null);
  for (const counts of graph.counts.values()) counts.reset();
  process('clicks', 'u', 'bot');
  expect(books().slice(0, 2)).toEqual([
    ['stream-source', [1], 1, {}, 0],
    ['filter', [1], 0, {}, 1],
  ]);
});
