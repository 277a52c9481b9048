import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import type { OperatorKind, PlanNode } from '../plan/plan.ts';
import type { DropReason, StreamRecord } from '../record.ts';
import type { KeyValueStore, WindowStore } from '../state/store.ts';
import type { BodySerde, TableView } from '../state/table-state.ts';

/** One node at work in one task. Synchronous; state only through stores; no I/O. */
export interface Operator {
  /** `input` is the place of the sender in the node's inputs. */
  process(record: StreamRecord, input: number): void;
  /** Stream time has come to `time` without a record: what was waiting for it is told. Left out where nothing waits. */
  advance?(time: number, commitTime: number): void;
}

/** An operator whose result is a table that others may look into. */
export interface TableOperator extends Operator, TableView {}

/** A user's function, called with what the builder's types promise. It fails with the name of its node. */
export type Call = (a?: unknown, b?: unknown, c?: unknown) => unknown;

/** What an operator may use: made once per node and task. */
export interface OperatorContext<N extends PlanNode = PlanNode> {
  readonly node: N;
  /** The user's function of that role. */
  call(role: string): Call;
  /** The user's function of that role, or null where it was left out. */
  callIfGiven(role: string): Call | null;
  /** Hands a record to the nodes below, in the order in which they were written. */
  forward(record: StreamRecord): void;
  drop(reason: DropReason): void;
  /** Counts a pair that a join put out. */
  matched(): void;
  /** Gives a record to the outside: a result topic or a repartition topic. */
  emit(record: StreamRecord): void;
  keyValueStore(name: string): KeyValueStore;
  windowStore(name: string): WindowStore;
  /** Serdes of a store's key and value. */
  storeSerdes(name: string): { readonly key: BodySerde; readonly value: BodySerde };
  serde(schema: AvroSchema): BodySerde;
  /** The table that a node of the same task, or a global source, keeps. */
  table(nodeId: string): TableView;
}

/** The plan's node of a given operator. */
export type NodeOf<K extends OperatorKind> = PlanNode & { readonly operator: K };

export const isTable = (operator: Operator): operator is TableOperator => 'get' in operator;
