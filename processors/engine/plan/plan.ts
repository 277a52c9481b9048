import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import type { TopicKind } from '../../../schemas/topic.ts';

/**
 * A topology as plain data: it can be printed, stored, compared and sent. The user's functions live beside it, by
 * node id. Nodes stand in an order in which every node comes after its inputs.
 */
export interface Plan {
  readonly pipeline: string;
  readonly nodes: readonly PlanNode[];
  readonly stores: readonly PlanStore[];
  readonly repartitions: readonly PlanRepartition[];
}

/** `left` keeps the left side without a partner, `outer` both sides. */
export type JoinKind = 'inner' | 'left' | 'outer';

interface NodeBase {
  /** Unique in the plan: the user's name, or the operator and a running number in Kafka Streams' manner. */
  readonly id: string;
  /** Ids of the nodes that feed this one; the position tells an operator which side a record comes from. */
  readonly inputs: readonly string[];
  /** Names of the stores that the node reads or writes. */
  readonly stores: readonly string[];
}

/** Where a source reads from, or a sink writes to: a topic of the catalogue, without the deployment's prefix. */
export interface PlanTopic {
  readonly name: string;
  readonly kind: TopicKind;
  readonly partitions: number;
  readonly key: AvroSchema;
  readonly value: AvroSchema;
}

export interface SourceNode extends NodeBase {
  readonly operator: 'stream-source' | 'table-source' | 'global-source';
  readonly topic: PlanTopic;
  /** Only of a versioned table: how far behind its highest time it knows what was valid. */
  readonly historyMs?: number;
  /** Only of a table, `true` or left out: a task reads it to its end of the moment before it takes anything else. */
  readonly loadFirst?: boolean;
}

/** Reads what a `repartition-sink` of the same name wrote, in the next sub-topology. */
export interface RepartitionSourceNode extends NodeBase {
  readonly operator: 'repartition-source';
  readonly repartition: string;
}

export interface RepartitionSinkNode extends NodeBase {
  readonly operator: 'repartition-sink';
  readonly repartition: string;
}

export interface SinkNode extends NodeBase {
  readonly operator: 'sink';
  readonly topic: PlanTopic;
}

/** Operators that need nothing but the user's function. */
export interface StatelessNode extends NodeBase {
  readonly operator:
    | 'filter'
    | 'map-values'
    | 'flat-map-values'
    | 'merge'
    | 'table-filter'
    | 'table-map-values';
}

/** Gives each record a new key; the repartition that follows moves it to the partition of that key. */
export interface SelectKeyNode extends NodeBase {
  readonly operator: 'select-key' | 'table-group-by';
  readonly key: AvroSchema;
}

/** Pairs left at time l with right at time r where `l - beforeMs <= r <= l + afterMs`. */
export interface StreamStreamJoinNode extends NodeBase {
  readonly operator: 'stream-stream-join';
  readonly join: JoinKind;
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly graceMs: number;
}

export interface StreamTableJoinNode extends NodeBase {
  readonly operator: 'stream-table-join';
  readonly join: 'inner' | 'left';
  /** Only with a versioned table: how long an event waits in the node's store for rows that come late. */
  readonly graceMs?: number;
}

/** `global` is the id of the global table's source. */
export interface StreamGlobalJoinNode extends NodeBase {
  readonly operator: 'stream-global-join';
  readonly join: 'inner' | 'left';
  readonly global: string;
  readonly key: AvroSchema;
}

export interface TableTableJoinNode extends NodeBase {
  readonly operator: 'table-table-join';
  readonly join: JoinKind;
  /** Both sides come from one source: when a row goes, neither side finds the other one any more. */
  readonly isShared: boolean;
}

/**
 * Left task of a foreign-key join: tells the right table's task which rows to be told of. `foreignKey` is the right
 * table's key, `value` the left table's value.
 */
export interface SubscriptionSendNode extends NodeBase {
  readonly operator: 'subscription-send';
  readonly join: 'inner' | 'left';
  readonly foreignKey: AvroSchema;
  readonly value: AvroSchema;
}

/** Right task of a foreign-key join: keeps the subscriptions and answers them. `key` is the left table's, `value` the right one's. */
export interface ForeignTableJoinNode extends NodeBase {
  readonly operator: 'foreign-table-join';
  readonly key: AvroSchema;
  readonly value: AvroSchema;
}

/** Left task of a foreign-key join: makes the result of what the right task has answered. `left` and `right` are values. */
export interface ResponseJoinNode extends NodeBase {
  readonly operator: 'response-join';
  readonly join: 'inner' | 'left';
  readonly left: AvroSchema;
  readonly right: AvroSchema;
}

export interface AggregateNode extends NodeBase {
  readonly operator: 'stream-aggregate' | 'table-aggregate';
}

/** `process`: an event without a value takes part in its windows; a fold has to know what to make of it. */
export type NullValues = 'drop' | 'process';

/** `sizeMs` is the gap of a session and the reach of a sliding window. Only hopping windows have an advance of their own. */
export interface PlanWindow {
  readonly type: 'tumbling' | 'hopping' | 'sliding' | 'session';
  readonly sizeMs: number;
  readonly advanceMs: number;
  readonly graceMs: number;
}

/** Folds the events of a key window by window. */
export interface WindowAggregateNode extends NodeBase {
  readonly operator: 'window-aggregate';
  readonly window: PlanWindow;
  readonly emit: 'on-close' | 'on-update';
  readonly nulls: NullValues;
  /** Of the events. */
  readonly key: AvroSchema;
  /** Of the results: with the bounds of the window. */
  readonly windowedKey: AvroSchema;
}

/** Tells the last change of each key, `delayMs` behind the end of its window or behind the first change. */
export interface SuppressNode extends NodeBase {
  readonly operator: 'suppress';
  readonly until: 'window-close' | 'time-limit';
  readonly delayMs: number;
  /** With more held back the oldest are told early; null for no bound. */
  readonly recordsMax: number | null;
}

/** A step of the user's own. `stores` begins with its clock; `names` are those that its functions know the others by. */
export interface ProcessNode extends NodeBase {
  readonly operator: 'process';
  readonly names: readonly string[];
  /** Between punctuations, stream time; null for none. */
  readonly everyMs: number | null;
  readonly key: AvroSchema;
}

export type PlanNode =
  | SourceNode
  | RepartitionSourceNode
  | RepartitionSinkNode
  | SinkNode
  | StatelessNode
  | SelectKeyNode
  | StreamStreamJoinNode
  | StreamTableJoinNode
  | StreamGlobalJoinNode
  | TableTableJoinNode
  | SubscriptionSendNode
  | ForeignTableJoinNode
  | ResponseJoinNode
  | AggregateNode
  | WindowAggregateNode
  | SuppressNode
  | ProcessNode;

export type OperatorKind = PlanNode['operator'];

/** Local state of one operator: one store per task, or one per process for a global table. */
export interface PlanStore {
  readonly name: string;
  readonly kind: 'key-value' | 'window';
  readonly key: AvroSchema;
  readonly value: AvroSchema;
  /** A global table has none: its own topic restores it. */
  readonly changelog: boolean;
  /** Set of a key-value store whose operator looks for ranges of keys: on disk it costs memory for each key. */
  readonly scanned?: true;
}

/** An internal topic between two sub-topologies. */
export interface PlanRepartition {
  readonly name: string;
  /**
   * `change` carries a table's old and new value, so that an aggregate can take the old one back; `foreign-key` what
   * the two tables of a foreign-key join tell each other.
   */
  readonly form: 'record' | 'change' | 'foreign-key';
  readonly key: AvroSchema;
  readonly value: AvroSchema;
  /**
   * Null: as many as the topics it is joined with, else as many as the topics it comes from. Of form `foreign-key`:
   * always as many as the table has that reads it.
   */
  readonly partitions: number | null;
}
