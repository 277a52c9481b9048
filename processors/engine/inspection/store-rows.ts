import type { BodySerdes } from '../body-serdes.ts';
import type { PlanStore } from '../plan/plan.ts';
import type { WindowEntry } from '../state/store.ts';
import { decodeRow } from '../state/table-state.ts';
import { TIME_BYTES, readTime } from '../state/time-bytes.ts';
import { toPlainJson } from '../../../schemas/serde/plain-json.ts';
import type { LaidOutStore } from './store-layout.ts';

/** A stored entry in plain JSON. Times are milliseconds since the Unix epoch. */
export type StoredRow = Readonly<Record<string, unknown>>;

/** An entry of a key-value store; null for a row that is only remembered as deleted. */
export function keyValueRow(
  { store, layout }: LaidOutStore,
  serdes: BodySerdes,
  key: Buffer,
  value: Buffer,
): StoredRow | null {
  const head = { key: keyJson(store, serdes, key) };
  if (layout === 'values')
    return { ...head, value: toPlainJson(store.value, serdes(store.value).decodeBody(value)) };
  const row = rowOf(store, serdes, value);
  return row['value'] === null ? null : { ...head, ...row };
}

/** An entry of a window store; null for one that means nothing outside of its operator. */
export function windowRow(laidOut: LaidOutStore, serdes: BodySerdes, entry: WindowEntry): StoredRow | null {
  const { store, owner, layout } = laidOut;
  const key = keyJson(store, serdes, entry.key);
  const { time, value } = entry;
  switch (layout) {
    case 'events':
      return { key, ...rowOf(store, serdes, value) };
    case 'windows': {
      const sizeMs = owner.operator === 'window-aggregate' ? owner.window.sizeMs : 0;
      return { key, start: time, end: time + sizeMs, ...rowOf(store, serdes, value) };
    }
    case 'sessions':
      return {
        key,
        start: readTime(value, 0),
        end: time,
        ...rowOf(store, serdes, value.subarray(TIME_BYTES)),
      };
    case 'held': {
      const { value: change, ...times } = rowOf(store, serdes, value);
      const [known, next] = change as readonly [unknown, unknown];
      return { key, due: time, known, value: next, ...times };
    }
    case 'history': {
      const row = rowOf(store, serdes, value);
      // A version that was valid for no time marks a deletion.
      return row['time'] === time ? null : { key, validUntil: time, ...row };
    }
    case 'rows':
    case 'values':
    case 'marks':
      return null;
  }
}

function rowOf(store: PlanStore, serdes: BodySerdes, bytes: Buffer): StoredRow {
  const { value, time, commitTime } = decodeRow(bytes, serdes(store.value));
  return { value: toPlainJson(store.value, value), time, commitTime };
}

export function keyJson(store: PlanStore, serdes: BodySerdes, key: Buffer): unknown {
  return toPlainJson(store.key, serdes(store.key).decodeBody(key));
}
