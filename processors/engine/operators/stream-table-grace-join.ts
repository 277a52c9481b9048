import type { WindowEntry, WindowStore } from '../state/store.ts';
import { decodeRow, encodeRow } from '../state/table-state.ts';
import type { NodeOf, Operator, OperatorContext } from './operator.ts';
import { enrich, rowFor } from './stream-table-join.ts';

/**
 * Each event with the row that was valid at its event time, looked up once the stream has come to that time plus grace
 * (KIP-923): until then the event waits, so that a row may come late. Those whose time has come leave by time, then by
 * key bytes, then by arrival. An event that is behind the clock by more than grace leaves at once, since there is
 * nothing that it could wait for. So does one without a key: no row can meet it.
 *
 * One clock, which every record that the stream side reads moves, dropped ones too. But only an event lets others go,
 * as in Kafka Streams. The table's changes move nothing.
 */
export function streamTableGraceJoin(
  context: OperatorContext<NodeOf<'stream-table-join'>>,
  graceMs: number,
): Operator {
  const joiner = context.call('joiner');
  const table = context.table(context.node.inputs[1] ?? '');
  const left = context.node.join === 'left';
  const store = context.node.stores[0] ?? '';
  const buffer = context.windowStore(store);
  const serdes = context.storeSerdes(store);

  const release = (commitTime: number): void => {
    for (const entry of takeUntil(buffer, buffer.streamTime - graceMs)) {
      const row = decodeRow(entry.value, serdes.value);
      const key = serdes.key.decodeBody(entry.key);
      // What lets an event go is what causes its result, if that was committed later.
      const caused = Math.max(commitTime, row.commitTime);
      const event = { ...row, key, keyBody: entry.key, oldValue: null, commitTime: caused };
      enrich(context, joiner, left, event, rowFor(table, event));
    }
  };

  return {
    advance(time, commitTime) {
      buffer.advance(time);
      release(commitTime);
    },
    process(record, input) {
      if (input === 1) return;
      const { keyBody, value, time, commitTime } = record;
      buffer.advance(time);
      if (value === null) return context.drop('null_value');
      if (keyBody === null && !left) return context.drop('null_key');
      if (keyBody !== null)
        buffer.put(keyBody, time, encodeRow(serdes.value.encodeBody(value), time, commitTime));
      release(commitTime);
      if (keyBody === null) enrich(context, joiner, left, record, null);
    },
  };
}

/** Takes the entries up to a time out of the store. It has them by time and arrival; the order here is by key as well. */
function takeUntil(buffer: WindowStore, time: number): readonly WindowEntry[] {
  const taken: WindowEntry[] = [];
  for (let next = buffer.oldest(); next !== null && next.time <= time; next = buffer.oldest()) {
    buffer.remove(next.key, next.time, next.seq);
    taken.push(next);
  }
  return taken.length < 2 ? taken : taken.sort((a, b) => a.time - b.time || a.key.compare(b.key));
}
