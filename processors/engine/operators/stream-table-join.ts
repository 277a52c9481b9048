import type { StreamRecord } from '../record.ts';
import type { TableRow, TableView } from '../state/table-state.ts';
import type { Call, NodeOf, Operator, OperatorContext } from './operator.ts';

/**
 * Each event with the newest row of its key, or with the row that was valid at its event time where the table is
 * versioned. The table's changes, which come in on the second input, are silent.
 */
export function streamTableJoin(context: OperatorContext<NodeOf<'stream-table-join'>>): Operator {
  const joiner = context.call('joiner');
  const table = context.table(context.node.inputs[1] ?? '');
  const left = context.node.join === 'left';
  return {
    process(record, input) {
      if (input === 1) return;
      if (record.value === null) return context.drop('null_value');
      if (record.keyBody === null && !left) return context.drop('null_key');
      enrich(context, joiner, left, record, rowFor(table, record));
    },
  };
}

/** The row that an event meets. An event without a key meets none. */
export function rowFor(table: TableView, { keyBody, key, time }: StreamRecord): TableRow | null {
  if (keyBody === null) return null;
  return table.getAsOf === undefined ? table.get(keyBody, key) : table.getAsOf(keyBody, key, time);
}

/**
 * Each event with the row whose key it names. An event that names none is dropped, also by a left join, unless it has
 * no key of its own either (as in Kafka Streams).
 */
export function streamGlobalJoin(context: OperatorContext<NodeOf<'stream-global-join'>>): Operator {
  const selector = context.call('selector');
  const joiner = context.call('joiner');
  const serde = context.serde(context.node.key);
  const table = context.table(context.node.global);
  const left = context.node.join === 'left';
  return {
    process(record) {
      if (record.value === null) return context.drop('null_value');
      const key = selector(record.value, record.key);
      if (key === null && (!left || record.keyBody !== null)) return context.drop('null_key');
      const row = key === null ? null : table.get(serde.encodeBody(key), key);
      enrich(context, joiner, left, record, row);
    },
  };
}

/** Puts an event out with its row; one without a row only by a left join. */
export function enrich(
  context: OperatorContext,
  joiner: Call,
  left: boolean,
  record: StreamRecord,
  row: TableRow | null,
): void {
  if (row === null && !left) return;
  if (row !== null) context.matched();
  context.forward({
    ...record,
    value: joiner(record.value, row === null ? null : row.value, record.key),
    commitTime: row === null ? record.commitTime : Math.max(record.commitTime, row.commitTime),
  });
}
