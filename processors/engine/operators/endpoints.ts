import { TableState } from '../state/table-state.ts';
import type { Operator, OperatorContext, TableOperator } from './operator.ts';

/** Where records enter as they are. */
export function passThrough(context: OperatorContext): Operator {
  return { process: (record) => context.forward(record) };
}

/** Where records leave the task. */
export function sink(context: OperatorContext): Operator {
  return { process: (record) => context.emit(record) };
}

/** Keeps the newest row of each key, by offset, and tells those below what it was before. */
export function tableSource(context: OperatorContext): TableOperator {
  const store = context.node.stores[0] ?? '';
  const state = new TableState(context.keyValueStore(store), context.storeSerdes(store).value);
  return {
    process(record) {
      const { keyBody, value, time, commitTime } = record;
      if (keyBody === null) return context.drop('null_key');
      const oldValue = state.get(keyBody)?.value ?? null;
      if (value === null) state.delete(keyBody);
      else state.put(keyBody, value, time, commitTime);
      context.forward({ ...record, oldValue });
    },
    get: (keyBody) => state.get(keyBody),
  };
}
