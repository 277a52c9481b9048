import type { StreamRecord } from '../record.ts';
import {
  type BodySerde,
  type TableRow,
  type TableView,
  TableState,
  decodeRow,
} from '../state/table-state.ts';
import { type JoinedRows, type SubscriptionResponse, rowHash } from './foreign-key-messages.ts';
import type { Call, NodeOf, OperatorContext, TableOperator } from './operator.ts';

type Context = OperatorContext<NodeOf<'response-join'>>;

/**
 * The result of a foreign-key join, a table of its own: what has come out is kept, since the left row may have changed
 * since, and who looks in must see what was told. A change of the left table, on the first input, gives a result here
 * only where no answer is to come: the row is deleted or its foreign key is null. An answer of the right task, on the
 * second one, counts only if the left row is still the one that asked; a newer one has asked again. A change of a
 * versioned table that is not its key's newest (KIP-914) is dropped on either side: no present row has changed.
 */
export function responseJoin(context: Context): TableOperator {
  const join = new ResponseJoin(context);
  return {
    process(record, input) {
      const { keyBody } = record;
      if (keyBody === null) context.drop('null_key');
      else if (record.isLatest === false) context.drop('out_of_order');
      else if (input === 0) join.change(record, keyBody);
      else join.response(record, keyBody);
    },
    get: (keyBody, key) => join.get(keyBody, key),
  };
}

class ResponseJoin implements TableView {
  readonly #context: Context;
  readonly #extract: Call;
  readonly #joiner: Call;
  readonly #results: TableState;
  readonly #table: TableView;
  readonly #left: BodySerde;
  readonly #right: BodySerde;

  constructor(context: Context) {
    const { stores, inputs, left, right } = context.node;
    const store = stores[0] ?? '';
    this.#context = context;
    this.#extract = context.call('foreignKeyExtractor');
    this.#joiner = context.call('joiner');
    this.#results = new TableState(context.keyValueStore(store), context.storeSerdes(store).value);
    this.#table = context.table(inputs[0] ?? '');
    this.#left = context.serde(left);
    this.#right = context.serde(right);
  }

  change(record: StreamRecord, keyBody: Buffer): void {
    const { key, value, oldValue } = record;
    if (this.#namesForeignKey(value, key)) return;
    if (this.#context.node.join === 'left') {
      if (value !== null) this.#put(record, keyBody, this.#left.encodeBody(value), null);
      else if (oldValue !== null) this.#delete(record, keyBody);
      return;
    }
    if (value !== null) this.#context.drop('null_key');
    if (!this.#namesForeignKey(oldValue, key) && !this.#isOut(keyBody)) return;
    const row = this.#foreignRow(keyBody);
    this.#delete(row === null ? record : later(record, row), keyBody);
  }

  response(record: StreamRecord, keyBody: Buffer): void {
    const { hash, foreign_row, propagate_null } = record.value as SubscriptionResponse;
    const row = this.#table.get(keyBody, record.key);
    if (row === null) return;
    const body = this.#left.encodeBody(row.value);
    if (!rowHash(body).equals(hash)) return;
    const result = { ...record, commitTime: Math.max(record.commitTime, row.commitTime) };
    if (foreign_row !== null) this.#context.matched();
    if (foreign_row !== null || this.#context.node.join === 'left')
      this.#put(result, keyBody, body, foreign_row);
    else if (propagate_null || this.#isOut(keyBody)) this.#delete(result, keyBody);
  }

  get(keyBody: Buffer, key: unknown): TableRow | null {
    const row = this.#results.get(keyBody);
    return row === null ? null : { ...row, value: this.#joined(row.value as JoinedRows, key) };
  }

  #put(record: StreamRecord, keyBody: Buffer, left: Buffer, foreignRow: Buffer | null): void {
    const { key, time, commitTime } = record;
    const oldValue = this.get(keyBody, key)?.value ?? null;
    const rows: JoinedRows = { left, foreign_row: foreignRow };
    this.#results.put(keyBody, rows, time, commitTime);
    this.#context.forward({ key, keyBody, value: this.#joined(rows, key), oldValue, time, commitTime });
  }

  #delete({ key, time, commitTime }: StreamRecord, keyBody: Buffer): void {
    const oldValue = this.get(keyBody, key)?.value ?? null;
    this.#results.delete(keyBody);
    this.#context.forward({ key, keyBody, value: null, oldValue, time, commitTime });
  }

  #isOut(keyBody: Buffer): boolean {
    return this.#results.get(keyBody) !== null;
  }

  #namesForeignKey(value: unknown, key: unknown): boolean {
    return value !== null && this.#extract(value, key) !== null;
  }

  /** The right row that is in the present result. */
  #foreignRow(keyBody: Buffer): TableRow | null {
    const row = this.#results.get(keyBody);
    const bytes = row === null ? null : (row.value as JoinedRows).foreign_row;
    return bytes === null ? null : decodeRow(bytes, this.#right);
  }

  #joined({ left, foreign_row }: JoinedRows, key: unknown): unknown {
    const right = foreign_row === null ? null : decodeRow(foreign_row, this.#right).value;
    return this.#joiner(this.#left.decodeBody(left), right, key);
  }
}

/** A change with the later times of itself and of the row that it takes back. */
function later(record: StreamRecord, row: TableRow): StreamRecord {
  return {
    ...record,
    time: Math.max(record.time, row.time),
    commitTime: Math.max(record.commitTime, row.commitTime),
  };
}
