import type { TableRow } from '../state/table-state.ts';
import type { NodeOf, Operator, OperatorContext, TableOperator } from './operator.ts';

/** Keeps the events that pass. */
export function filter(context: OperatorContext): Operator {
  const predicate = context.call('predicate');
  return {
    process(record) {
      if (record.value === null) context.drop('null_value');
      else if (predicate(record.value, record.key)) context.forward(record);
    },
  };
}

export function mapValues(context: OperatorContext): Operator {
  const mapper = context.call('mapper');
  return {
    process(record) {
      if (record.value === null) context.drop('null_value');
      else context.forward({ ...record, value: mapper(record.value, record.key) });
    },
  };
}

export function flatMapValues(context: OperatorContext): Operator {
  const mapper = context.call('mapper');
  return {
    process(record) {
      if (record.value === null) return context.drop('null_value');
      for (const value of mapper(record.value, record.key) as Iterable<unknown>)
        context.forward({ ...record, value });
    },
  };
}

/** A new key; what follows moves the event to the partition of that key. */
export function selectKey(context: OperatorContext<NodeOf<'select-key' | 'table-group-by'>>): Operator {
  const selector = context.call('selector');
  const serde = context.serde(context.node.key);
  return {
    process(record) {
      if (record.value === null) return context.drop('null_value');
      const key = selector(record.value, record.key);
      if (key === null) return context.drop('null_key');
      context.forward({ ...record, key, keyBody: serde.encodeBody(key) });
    },
  };
}

/**
 * A row that stops passing is deleted; one that never passed is not heard of. A versioned table's is, since an older
 * version may have passed, or may yet come and pass, and then this deletion is what ends it.
 */
export function tableFilter(context: OperatorContext): TableOperator {
  const predicate = context.call('predicate');
  const parent = context.table(context.node.inputs[0] ?? '');
  const passing = (value: unknown, key: unknown): unknown =>
    value !== null && predicate(value, key) ? value : null;
  const passingRow = (row: TableRow | null, key: unknown): TableRow | null =>
    row !== null && predicate(row.value, key) ? row : null;
  return {
    process(record) {
      const value = passing(record.value, record.key);
      const oldValue = passing(record.oldValue, record.key);
      if (value !== null || oldValue !== null || parent.getAsOf !== undefined)
        context.forward({ ...record, value, oldValue });
    },
    get: (keyBody, key) => passingRow(parent.get(keyBody, key), key),
    ...(parent.getAsOf && {
      getAsOf: (keyBody, key, time) => passingRow(parent.getAsOf?.(keyBody, key, time) ?? null, key),
    }),
  };
}

export function tableMapValues(context: OperatorContext): TableOperator {
  const mapper = context.call('mapper');
  const parent = context.table(context.node.inputs[0] ?? '');
  const mapped = (value: unknown, key: unknown): unknown => (value === null ? null : mapper(value, key));
  const mappedRow = (row: TableRow | null, key: unknown): TableRow | null => {
    const value = row === null ? null : mapper(row.value, key);
    // A row that is mapped to null is none.
    return row === null || value === null ? null : { ...row, value };
  };
  return {
    process(record) {
      const { key } = record;
      context.forward({
        ...record,
        value: mapped(record.value, key),
        oldValue: mapped(record.oldValue, key),
      });
    },
    get: (keyBody, key) => mappedRow(parent.get(keyBody, key), key),
    ...(parent.getAsOf && {
      getAsOf: (keyBody, key, time) => mappedRow(parent.getAsOf?.(keyBody, key, time) ?? null, key),
    }),
  };
}
