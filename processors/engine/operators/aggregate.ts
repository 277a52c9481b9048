import type { StreamRecord } from '../record.ts';
import { TableState } from '../state/table-state.ts';
import type { NodeOf, Operator, OperatorContext, TableOperator } from './operator.ts';

/** Folds the events of a key into one value. Its time is the highest one seen for the key. */
export function streamAggregate(context: OperatorContext): TableOperator {
  const initial = context.call('initial');
  const add = context.call('add');
  return aggregation(context, (aggregate, record) => add(aggregate ?? initial(), record.value, record.key));
}

/** Takes a row's old value out of its group and puts the new one in, in one step where both are in one record. */
export function tableAggregate(context: OperatorContext): TableOperator {
  const initial = context.call('initial');
  const add = context.call('add');
  const subtract = context.call('subtract');
  return aggregation(context, (aggregate, { key, value, oldValue }) => {
    const rest = aggregate === null || oldValue === null ? aggregate : subtract(aggregate, oldValue, key);
    return value === null ? rest : add(rest ?? initial(), value, key);
  });
}

interface Fold {
  readonly key: unknown;
  readonly value: unknown;
  readonly oldValue: unknown;
}

function aggregation(
  context: OperatorContext,
  fold: (aggregate: unknown, record: Fold) => unknown,
): TableOperator {
  const store = context.node.stores[0] ?? '';
  const state = new TableState(context.keyValueStore(store), context.storeSerdes(store).value);
  return {
    process(record) {
      const { keyBody } = record;
      if (keyBody === null) return context.drop('null_key');
      if (record.value === null && record.oldValue === null) return context.drop('null_value');
      const row = state.get(keyBody);
      const oldValue = row?.value ?? null;
      const value = fold(oldValue, record);
      if (value === null && row === null) return;
      const time = Math.max(record.time, row?.time ?? record.time);
      const commitTime = Math.max(record.commitTime, row?.commitTime ?? record.commitTime);
      if (value === null) state.delete(keyBody);
      else state.put(keyBody, value, time, commitTime);
      context.forward({ key: record.key, keyBody, value, oldValue, time, commitTime });
    },
    get: (keyBody) => state.get(keyBody),
  };
}

/**
 * Sends a change of a row to its group: one record when old and new belong to the same one, else the old value to the
 * group that the row leaves, then the new value to the group that it enters. A change of a versioned table that is not
 * its key's newest moves nothing: the row is in the group of its newest version.
 */
export function tableGroupBy(context: OperatorContext<NodeOf<'select-key' | 'table-group-by'>>): Operator {
  const selector = context.call('selector');
  const serde = context.serde(context.node.key);
  const groupOf = (value: unknown, key: unknown): unknown => (value === null ? null : selector(value, key));
  const [rows] = context.node.stores;
  const kept =
    rows === undefined ? null : new TableState(context.keyValueStore(rows), context.storeSerdes(rows).value);
  return {
    process(change) {
      if (change.isLatest === false) return context.drop('out_of_order');
      const record = kept === null ? change : asKept(kept, change);
      const from = groupOf(record.oldValue, record.key);
      const to = groupOf(record.value, record.key);
      const fromBody = from === null ? null : serde.encodeBody(from);
      const toBody = to === null ? null : serde.encodeBody(to);
      if (to === null && record.value !== null) context.drop('null_key');
      if (fromBody !== null && toBody !== null && fromBody.equals(toBody))
        return context.forward({ ...record, key: to, keyBody: toBody });
      if (fromBody !== null) context.forward({ ...record, key: from, keyBody: fromBody, value: null });
      if (toBody !== null) context.forward({ ...record, key: to, keyBody: toBody, oldValue: null });
    },
  };
}

/** The change with the row that was grouped before it, which is kept here. */
function asKept(kept: TableState, record: StreamRecord): StreamRecord {
  const { keyBody, value, time, commitTime } = record;
  if (keyBody === null) return record;
  const oldValue = kept.get(keyBody)?.value ?? null;
  if (value === null) kept.delete(keyBody);
  else kept.put(keyBody, value, time, commitTime);
  return { ...record, oldValue };
}
