import type { StreamRecord } from '../record.ts';
import { prefixScan } from '../state/prefix-scan.ts';
import type { KeyValueStore } from '../state/store.ts';
import { type BodySerde, type TableView, decodeRow, encodeRow } from '../state/table-state.ts';
import {
  INSTRUCTION,
  type Subscription,
  type SubscriptionKey,
  type SubscriptionResponse,
} from './foreign-key-messages.ts';
import type { NodeOf, Operator, OperatorContext } from './operator.ts';

/**
 * Right side of a foreign-key join. A subscription, on the first input, is kept and answered with the present row of
 * its foreign key; a change of a right row, on the second one, is told to all that have subscribed to it. An answer
 * has the later of the two times where it was asked for, and the right row's own where it was not.
 */
export function foreignTableJoin(context: OperatorContext<NodeOf<'foreign-table-join'>>): Operator {
  const join = new ForeignTableJoin(context);
  return {
    process(record, input) {
      const { keyBody } = record;
      if (keyBody === null) context.drop('null_key');
      else if (record.isLatest === false) context.drop('out_of_order');
      else if (input === 0) join.subscription(record, keyBody);
      else join.change(record, keyBody);
    },
  };
}

class ForeignTableJoin {
  readonly #context: OperatorContext<NodeOf<'foreign-table-join'>>;
  readonly #subscriptions: KeyValueStore;
  readonly #serdes: { readonly key: BodySerde; readonly value: BodySerde };
  readonly #bytes: BodySerde;
  readonly #table: TableView;
  readonly #keys: BodySerde;
  readonly #values: BodySerde;

  constructor(context: OperatorContext<NodeOf<'foreign-table-join'>>) {
    const { stores, inputs, key, value } = context.node;
    this.#context = context;
    this.#subscriptions = context.keyValueStore(stores[0] ?? '');
    this.#serdes = context.storeSerdes(stores[0] ?? '');
    this.#bytes = context.serde('bytes');
    this.#table = context.table(inputs[1] ?? '');
    this.#keys = context.serde(key);
    this.#values = context.serde(value);
  }

  subscription(record: StreamRecord, foreignKey: Buffer): void {
    const { instruction, primary_key, hash } = record.value as Subscription;
    const key: SubscriptionKey = { foreign_key: foreignKey, primary_key };
    const id = this.#serdes.key.encodeBody(key);
    if (hash === null) return this.#subscriptions.delete(id);
    const { time, commitTime } = record;
    this.#subscriptions.put(id, encodeRow(this.#serdes.value.encodeBody(hash), time, commitTime));
    const propagate_null = instruction === INSTRUCTION.PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE;
    const row = this.#table.get(foreignKey, record.key);
    if (row === null) return this.#respond(primary_key, { hash, foreign_row: null, propagate_null }, record);
    const foreign_row = encodeRow(this.#values.encodeBody(row.value), row.time, row.commitTime);
    this.#respond(
      primary_key,
      { hash, foreign_row, propagate_null },
      { time: Math.max(time, row.time), commitTime: Math.max(commitTime, row.commitTime) },
    );
  }

  change(record: StreamRecord, foreignKey: Buffer): void {
    const { value, time, commitTime } = record;
    const foreign_row = value === null ? null : encodeRow(this.#values.encodeBody(value), time, commitTime);
    // The prefix is how the key of a subscription begins: its first field.
    for (const entry of prefixScan(this.#subscriptions, this.#bytes.encodeBody(foreignKey))) {
      const { primary_key } = this.#serdes.key.decodeBody(entry.key) as SubscriptionKey;
      const hash = decodeRow(entry.value, this.#serdes.value).value as Buffer;
      this.#respond(primary_key, { hash, foreign_row, propagate_null: true }, record);
    }
  }

  #respond(
    primaryKey: Buffer,
    value: SubscriptionResponse,
    { time, commitTime }: Pick<StreamRecord, 'time' | 'commitTime'>,
  ): void {
    const key = this.#keys.decodeBody(primaryKey);
    this.#context.forward({ key, keyBody: primaryKey, value, oldValue: null, time, commitTime });
  }
}
