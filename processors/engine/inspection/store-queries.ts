import { partitionFor } from '../../../connectors/kafka/partitioner.ts';
import type { KeyValueStore, StateStore, WindowStore } from '../state/store.ts';
import { BoundedRows } from './bounded-rows.ts';
import { type Elsewhere, type InspectedState, type InspectedTask, refusal } from './inspected-state.ts';
import { keyOf, limitOf, requiredKey, timeOf } from './query-text.ts';
import { type LaidOutStore, isPlacedByKey, laidOutStore } from './store-layout.ts';
import { type StoredRow, keyJson, keyValueRow, windowRow } from './store-rows.ts';

/** What a question about stores is answered with; `elsewhere` where the key belongs to a task that is not here. */
export interface StoreAnswer {
  readonly found: boolean;
  readonly body: StoredRow;
  readonly elsewhere?: Elsewhere;
}

/** A store where it is: in a task, or with a global table in none. */
interface Place {
  readonly task: InspectedTask | null;
  readonly store: StateStore;
}

/** The row of a key: `?key=`. */
export function getRow(state: InspectedState, name: string, parameters: URLSearchParams): StoreAnswer {
  const laidOut = laidOutStore(state.plan, name);
  requireKind(laidOut, 'key-value');
  const key = keyBodyOf(state, laidOut, parameters);
  for (const place of placesOf(state, laidOut)) {
    const value = (place.store as KeyValueStore).get(key);
    const row = value === null ? null : keyValueRow(laidOut, state.serdes, key, value);
    if (row !== null) return { found: true, body: { store: name, ...row, ...whereabouts(place) } };
  }
  return missing(state, laidOut, key);
}

/** Rows in order of their keys' bytes: `?from=&to=&limit=`, `to` not included. `next` is the key to go on from. */
export function rangeOfRows(state: InspectedState, name: string, parameters: URLSearchParams): StoreAnswer {
  const laidOut = laidOutStore(state.plan, name);
  requireKind(laidOut, 'key-value');
  const end = (text: string | null): Buffer | null =>
    text === null ? null : encodedKey(state, laidOut, text);
  const [from, to] = [end(parameters.get('from')), end(parameters.get('to'))];
  const limit = limitOf(parameters);
  const found: { readonly key: Buffer; readonly row: StoredRow }[] = [];
  for (const { task, store } of placesOf(state, laidOut)) {
    let taken = 0;
    for (const { key, value } of (store as KeyValueStore).range(from, to)) {
      const row = keyValueRow(laidOut, state.serdes, key, value);
      if (row === null) continue;
      found.push({ key, row: { ...row, task: task?.id ?? null } });
      // One more than asked for tells whether there are more.
      if (++taken > limit) break;
    }
  }
  found.sort((a, b) => a.key.compare(b.key));
  const bounded = new BoundedRows(limit);
  const rest = found.find(({ row }) => !bounded.add(row));
  const next = rest === undefined ? null : keyJson(laidOut.store, state.serdes, rest.key);
  return { found: true, body: { store: name, rows: bounded.rows, next, ...coverage(state, laidOut) } };
}

/** Entries of a key in a window store: `?key=&from=&to=&limit=`, both times included. */
export function windowsOfKey(state: InspectedState, name: string, parameters: URLSearchParams): StoreAnswer {
  const laidOut = laidOutStore(state.plan, name);
  requireKind(laidOut, 'window');
  if (laidOut.layout === 'marks')
    throw refusal('bad_request', `the store ${name} has no rows`, 'it is of use to its operator alone');
  const key = keyBodyOf(state, laidOut, parameters);
  const from = timeOf(parameters, 'from', Number.NEGATIVE_INFINITY);
  const to = timeOf(parameters, 'to', Number.POSITIVE_INFINITY);
  const bounded = new BoundedRows(limitOf(parameters));
  let truncated = false;
  let holder: Place | null = null;
  for (const place of placesOf(state, laidOut)) {
    for (const entry of (place.store as WindowStore).fetch(key, from, to)) {
      const row = windowRow(laidOut, state.serdes, entry);
      if (row === null) continue;
      holder ??= place;
      truncated ||= !bounded.add(row);
      if (truncated) break;
    }
  }
  if (holder === null) return missing(state, laidOut, key);
  return { found: true, body: { store: name, rows: bounded.rows, truncated, ...whereabouts(holder) } };
}

/** The key's task is known by its bytes; if it is not among those here, another instance has it. */
export function taskOfKey(state: InspectedState, subTopology: number, key: Buffer): Elsewhere {
  return { subTopology, partition: partitionFor(key, state.taskCounts[subTopology] ?? 1) };
}

function missing(state: InspectedState, laidOut: LaidOutStore, key: Buffer): StoreAnswer {
  const { store, owner } = laidOut;
  const part = state.parts.find(({ stores }) => stores.includes(store));
  const body = { store: store.name, key: keyJson(store, state.serdes, key) };
  if (part === undefined || !isPlacedByKey(state.plan, owner))
    return { found: false, body: { ...body, ...coverage(state, laidOut) } };
  const owned = taskOfKey(state, part.id, key);
  const task = `${part.id}_${owned.partition}`;
  if (state.tasks.some(({ id }) => id === task)) return { found: false, body: { ...body, task } };
  return { found: false, body: { ...body, task }, elsewhere: owned };
}

/** Which part of a store is here. */
function coverage(state: InspectedState, { store }: LaidOutStore): StoredRow {
  const part = state.parts.find(({ stores }) => stores.includes(store));
  if (part === undefined) return { partitions: 'all' };
  const here = state.tasks.filter((task) => task.part.id === part.id).map(({ partition }) => partition);
  return { partitions: here, partitionCount: state.taskCounts[part.id] ?? 1 };
}

function placesOf(state: InspectedState, { store }: LaidOutStore): Place[] {
  const global = state.globals.get(store.name);
  if (global !== undefined) return [{ task: null, store: global }];
  return state.tasks.flatMap((task) => {
    const own = task.stores.get(store.name);
    return own === undefined ? [] : [{ task, store: own }];
  });
}

function whereabouts({ task }: Place): StoredRow {
  return task === null ? { task: null } : { task: task.id, partition: task.partition, offsets: task.offsets };
}

function requireKind({ store }: LaidOutStore, kind: 'key-value' | 'window'): void {
  if (store.kind === kind) return;
  const fix = store.kind === 'window' ? 'ask for /windows' : 'ask for /get or /range';
  throw refusal('bad_request', `the store ${store.name} is a ${store.kind} store`, fix);
}

function keyBodyOf(state: InspectedState, laidOut: LaidOutStore, parameters: URLSearchParams): Buffer {
  return encodedKey(state, laidOut, requiredKey(parameters));
}

function encodedKey(state: InspectedState, { store }: LaidOutStore, text: string): Buffer {
  return state.serdes(store.key).encodeBody(keyOf(store.key, text));
}
