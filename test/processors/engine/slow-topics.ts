import { partitionFor } from '../../../connectors/kafka/partitioner.ts';
import { bodySerdes } from '../../../processors/engine/body-serdes.ts';
import type { PlanNode } from '../../../processors/engine/plan/plan.ts';
import { subTopologies } from '../../../processors/engine/plan/sub-topology.ts';
import { ProcessorGraph } from '../../../processors/engine/processor-graph.ts';
import type { StreamRecord } from '../../../processors/engine/record.ts';
import { openStores } from '../../../processors/engine/state/open-stores.ts';
import type { Topology } from '../../../processors/engine/topology.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { Topic } from '../../../schemas/topic.ts';

const PARTITIONS = 2;

interface Waiting {
  readonly sourceId: string;
  readonly graph: ProcessorGraph;
  readonly record: StreamRecord;
}

/**
 * Runs a topology over topics that are as slow as it pleases chance: of the heads of all partitions, internal ones too,
 * any may be next. What is kept in order is what Kafka keeps in order, the records of one partition.
 */
export class SlowTopics {
  readonly #topology: Topology;
  readonly #serdes = bodySerdes({} as SchemaRegistry);
  readonly #graphs = new Map<string, ProcessorGraph>();
  readonly #queues = new Map<string, Waiting[]>();
  readonly #tables = new Map<string, Map<string, unknown>>();

  constructor(topology: Topology) {
    this.#topology = topology;
    const { plan, functions } = topology;
    const onEmit = (node: PlanNode, record: StreamRecord) => {
      this.#emit(node, record);
      return null;
    };
    const listener = { onEmit };
    const state = openStores(plan.stores);
    for (const { nodes } of subTopologies(plan)) {
      const parts = { nodes, stores: plan.stores, functions, state, serdes: this.#serdes, listener };
      const graph = new ProcessorGraph({ ...parts, globals: new Map() });
      for (const node of nodes) this.#graphs.set(node.id, graph);
    }
  }

  give<K, V>(topic: Topic<K, V>, key: K, value: V | null, time: number): void {
    const keyBody = this.#serdes(topic.key).encodeBody(key);
    const record = { key, keyBody, value, oldValue: null, time, commitTime: time };
    for (const node of this.#topology.plan.nodes)
      if (node.operator === 'table-source' && node.topic.name === topic.name)
        this.#wait(node.id, topic.name, record);
  }

  /** Processes what waits now on one topic, by its name in the plan. */
  read(topic: string): void {
    for (const [id, queue] of this.#queues)
      if (id.startsWith(`${topic} `))
        for (const { graph, sourceId, record } of queue.splice(0)) graph.process(sourceId, record);
  }

  /** Processes until nothing waits. `chance` gives numbers from 0 to below 1. */
  drain(chance: () => number): void {
    for (;;) {
      const heads = [...this.#queues.values()].filter(({ length }) => length > 0);
      const next = heads[Math.floor(chance() * heads.length)]?.shift();
      if (next === undefined) return;
      next.graph.process(next.sourceId, next.record);
    }
  }

  /** The rows of a result topic, by what `name` makes of their keys. */
  rows<K, V>(topic: Topic<K, V>, name: (key: K) => string): Map<string, V> {
    const rows = this.#tables.get(topic.name) ?? new Map<string, unknown>();
    const keys = this.#serdes(topic.key);
    return new Map(
      [...rows].map(([id, value]) => [name(keys.decodeBody(Buffer.from(id, 'latin1')) as K), value as V]),
    );
  }

  #emit(node: PlanNode, record: StreamRecord): void {
    if (node.operator === 'sink') {
      const rows = this.#tables.get(node.topic.name) ?? new Map<string, unknown>();
      const id = record.keyBody?.toString('latin1') ?? '';
      if (record.value === null) rows.delete(id);
      else rows.set(id, record.value);
      this.#tables.set(node.topic.name, rows);
    } else if (node.operator === 'repartition-sink')
      this.#wait(`${node.repartition}-source`, node.repartition, record);
  }

  #wait(sourceId: string, topic: string, record: StreamRecord): void {
    const graph = this.#graphs.get(sourceId);
    if (graph === undefined) throw new TypeError(`nobody reads ${topic}`);
    const id = `${topic} ${partitionFor(record.keyBody ?? Buffer.alloc(0), PARTITIONS)}`;
    const queue = this.#queues.get(id) ?? [];
    queue.push({ sourceId, graph, record });
    this.#queues.set(id, queue);
  }
}
