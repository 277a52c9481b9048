import { must } from '../../infra/process/assert.ts';
import { Failure } from '../../infra/process/failure.ts';
import { isRuntimeFault } from './bad-record-policies.ts';
import type { BodySerdes } from './body-serdes.ts';
import { OperatorCounts } from './operator-counts.ts';
import { createOperator } from './operators/operators.ts';
import { type Call, type Operator, type OperatorContext, isTable } from './operators/operator.ts';
import type { NodeFunctions } from './plan/plan-builder.ts';
import type { PlanNode, PlanStore } from './plan/plan.ts';
import type { DropReason, StreamRecord } from './record.ts';
import type { KeyValueStore, StateStore, WindowStore } from './state/store.ts';
import type { TableView } from './state/table-state.ts';

/** Told of what the operators do. Called for each record: keep it cheap. */
export interface GraphListener {
  /** Takes what leaves the task; returns why it cannot. */
  onEmit(node: PlanNode, record: StreamRecord): DropReason | null | undefined;
  /** Besides being counted. */
  onDrop?(nodeId: string, reason: DropReason): void;
}

/** What the operators of a task are made of. */
export interface GraphParts {
  readonly nodes: readonly PlanNode[];
  readonly stores: readonly PlanStore[];
  readonly functions: ReadonlyMap<string, NodeFunctions>;
  readonly state: ReadonlyMap<string, StateStore>;
  readonly globals: ReadonlyMap<string, TableView>;
  readonly serdes: BodySerdes;
  readonly listener: GraphListener;
}

/** The operators of one task, wired: a record given to a source runs through all of them before the call returns. */
export class ProcessorGraph {
  readonly #operators = new Map<string, Operator>();
  readonly #counts = new Map<string, OperatorCounts>();
  /** In the order of the plan, so that what one tells reaches the next before that one's time goes on. */
  readonly #idle: readonly Operator[];

  constructor(parts: GraphParts) {
    for (const node of parts.nodes) {
      this.#counts.set(node.id, new OperatorCounts(node));
      const operator = createOperator((own) => this.#contextOf(own, parts), node);
      this.#operators.set(node.id, operator);
    }
    const byCommit = nodesByCommitTime(parts);
    this.#idle = parts.nodes.flatMap(({ id }) => {
      const operator = this.#operators.get(id);
      return byCommit.has(id) && operator?.advance !== undefined ? [operator] : [];
    });
  }

  /** @throws Failure `pipeline.function_failed` (stop) that names the node whose function threw */
  process(sourceId: string, record: StreamRecord): void {
    const operator = must(this.#operators.get(sourceId), `no source ${sourceId} in this task`);
    this.counts.get(sourceId)?.receive(0);
    operator.process(record, 0);
  }

  /** What the operators have done, by node id. */
  get counts(): ReadonlyMap<string, OperatorCounts> {
    return this.#counts;
  }

  /**
   * Tells the operators that no record before `time` will come any more: those whose events have the time of their commit
   * and come from catalogue topics alone. Other event times are the data's own, and a repartition topic has its own delay.
   */
  advance(time: number, commitTime: number): void {
    for (let i = 0; i < this.#idle.length; i++) this.#idle[i]?.advance?.(time, commitTime);
  }

  table(nodeId: string): TableView {
    const operator = must(this.#operators.get(nodeId), `no node ${nodeId} in this task`);
    if (isTable(operator)) return operator;
    throw new TypeError(`node ${nodeId} is no table`);
  }

  #contextOf<N extends PlanNode>(node: N, parts: GraphParts): OperatorContext<N> {
    const { listener, serdes } = parts;
    const functions = parts.functions.get(node.id) ?? {};
    const children = this.#childrenOf(node, parts.nodes);
    const counts = this.#countsOf(node);
    const drop = (reason: DropReason): void => {
      counts.drop(reason);
      listener.onDrop?.(node.id, reason);
    };
    const callIfGiven = (role: string): Call | null => {
      const call = functions[role];
      return call === undefined ? null : guarded(node.id, role, call as Call);
    };
    return {
      node,
      callIfGiven,
      call: (role) => must(callIfGiven(role), `node ${node.id} has no function ${role}`),
      forward(record) {
        counts.forwarded++;
        children(record);
      },
      drop,
      matched: () => void counts.matched++,
      emit(record) {
        const refused = listener.onEmit(node, record) ?? null;
        if (refused === null) counts.forwarded++;
        else drop(refused);
      },
      keyValueStore: (name) => must(parts.state.get(name), `no store ${name}`) as KeyValueStore,
      windowStore: (name) => must(parts.state.get(name), `no store ${name}`) as WindowStore,
      storeSerdes: (name) => {
        const store = must(
          parts.stores.find((candidate) => candidate.name === name),
          `no store ${name}`,
        );
        return { key: serdes(store.key), value: serdes(store.value) };
      },
      serde: serdes,
      table: (nodeId) => parts.globals.get(nodeId) ?? this.table(nodeId),
    };
  }

  #countsOf({ id }: PlanNode): OperatorCounts {
    return must(this.#counts.get(id), `no counts of ${id}`);
  }

  /** The nodes below, resolved at the first record: they are made after their inputs. */
  #childrenOf(node: PlanNode, nodes: readonly PlanNode[]): (record: StreamRecord) => void {
    let targets: { operator: Operator; input: number; counts: OperatorCounts }[] | null = null;
    return (record) => {
      targets ??= nodes.flatMap((child) =>
        child.inputs.flatMap((id, input) =>
          id === node.id
            ? [
                {
                  operator: must(this.#operators.get(child.id), `no node ${child.id}`),
                  input,
                  counts: this.#countsOf(child),
                },
              ]
            : [],
        ),
      );
      for (let i = 0; i < targets.length; i++) {
        const target = targets[i];
        if (target === undefined) continue;
        target.counts.receive(target.input);
        target.operator.process(record, target.input);
      }
    };
  }
}

/** Nodes all of whose events have the time of their commit. */
function nodesByCommitTime({ nodes, functions }: GraphParts): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { id, operator, inputs } of nodes) {
    const isSource = operator === 'stream-source' || operator === 'table-source';
    const isOwnTime = functions.get(id)?.['time'] !== undefined;
    if (isSource ? !isOwnTime : inputs.length > 0 && inputs.every((input) => found.has(input))) found.add(id);
  }
  return found;
}

/** A call whose error names its node. @throws Failure `pipeline.function_failed` (stop) */
export function guarded(nodeId: string, role: string, call: Call): Call {
  return (a, b, c) => {
    try {
      return call(a, b, c);
    } catch (error) {
      // A step's own stores may fail under it.
      if (isRuntimeFault(error)) throw error;
      throw new Failure('pipeline.function_failed', 'stop', `the ${role} of "${nodeId}" failed`, {
        cause: error,
        fix: 'make the function total: it must return for every record that its topics can hold; --processing-error says what becomes of one that fails',
      });
    }
  };
}
