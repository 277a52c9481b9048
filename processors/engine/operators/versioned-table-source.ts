import { VersionedState } from '../state/versioned-state.ts';
import type { OperatorContext, TableOperator } from './operator.ts';

/**
 * Keeps what each key's row was at each time of its history, and tells those below of every change that it takes, also
 * of one that is not its key's newest (KIP-914). `historyMs` is the history's length.
 */
export function versionedTableSource(context: OperatorContext, historyMs: number): TableOperator {
  const [latest = '', history = ''] = context.node.stores;
  const state = new VersionedState(
    context.keyValueStore(latest),
    context.windowStore(history),
    context.storeSerdes(latest).value,
    historyMs,
  );
  return {
    process(record) {
      const { keyBody, value, time, commitTime } = record;
      if (keyBody === null) return context.drop('null_key');
      const oldValue = state.get(keyBody)?.value ?? null;
      const put = state.put(keyBody, value, time, commitTime);
      if (put === 'expired') return context.drop('expired');
      context.forward(put === 'latest' ? { ...record, oldValue } : { ...record, oldValue, isLatest: false });
    },
    get: (keyBody) => state.get(keyBody),
    getAsOf: (keyBody, key, time) => state.getAsOf(keyBody, key, time),
  };
}
