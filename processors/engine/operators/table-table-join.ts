import type { StreamRecord } from '../record.ts';
import type { TableRow } from '../state/table-state.ts';
import type { NodeOf, OperatorContext, TableOperator } from './operator.ts';

/**
 * Join of two tables by their key. A change of either side meets the other side's present row. Nothing is stored
 * here: both tables keep their own rows. A change of a versioned table that is not its key's newest (KIP-914) is
 * dropped: no present row has changed. Rules: Kafka Streams' KTable-KTable joins.
 */
export function tableTableJoin(context: OperatorContext<NodeOf<'table-table-join'>>): TableOperator {
  const joiner = context.call('joiner');
  const tables = [
    context.table(context.node.inputs[0] ?? ''),
    context.table(context.node.inputs[1] ?? ''),
  ] as const;
  const { join, isShared } = context.node;
  /** Whether a side's row comes out although the other side has none. */
  const kept = [join !== 'inner', join === 'outer'] as const;

  const joined = (input: number, own: unknown, other: TableRow | null, key: unknown): unknown => {
    const value = other === null ? null : other.value;
    if (own === null && !kept[input === 0 ? 1 : 0]) return null;
    if (own === null && value === null) return null;
    return input === 0 ? joiner(own, value, key) : joiner(value, own, key);
  };

  return {
    process(record, input) {
      const { keyBody, key, time, commitTime } = record;
      if (keyBody === null) return context.drop('null_key');
      if (record.isLatest === false) return context.drop('out_of_order');
      const other = tables[input === 0 ? 1 : 0].get(keyBody, key);
      const isGone = isShared && record.value === null && record.oldValue !== null;
      if (other === null && !isGone && isSilent(record, kept[input === 0 ? 0 : 1])) return;
      if (other !== null && record.value !== null) context.matched();
      context.forward({
        key,
        keyBody,
        value: joined(input, record.value, other, key),
        oldValue: joined(input, record.oldValue, other, key),
        time: other === null ? time : Math.max(time, other.time),
        commitTime: other === null ? commitTime : Math.max(commitTime, other.commitTime),
      });
    },
    get(keyBody, key) {
      const left = tables[0].get(keyBody, key);
      const right = tables[1].get(keyBody, key);
      if ((left === null && !kept[1]) || (right === null && !kept[0]) || (left ?? right) === null)
        return null;
      return {
        value: joiner(left?.value ?? null, right?.value ?? null, key),
        time: Math.max(left?.time ?? -Infinity, right?.time ?? -Infinity),
        commitTime: Math.max(left?.commitTime ?? 0, right?.commitTime ?? 0),
      };
    },
  };
}

/** With no row on the other side: a side that is not kept never shows, and a delete only shows where there was a row. */
function isSilent(record: StreamRecord, kept: boolean): boolean {
  return !kept || (record.value === null && record.oldValue === null);
}
