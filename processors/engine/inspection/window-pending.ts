import type { NodeOf } from '../operators/operator.ts';
import { readTime } from '../state/time-bytes.ts';
import { windowedKey } from '../windowed-key.ts';
import { type PendingContext, type PendingEntry, entriesOf } from './pending-entry.ts';
import { windowsAbove } from './store-layout.ts';

/** Windows and sessions of a key that take events still. */
export function windowPending(
  { node, store, row }: PendingContext<NodeOf<'window-aggregate'>>,
  key: Buffer,
): PendingEntry[] {
  const [own = ''] = node.stores;
  const { type, sizeMs, graceMs } = node.window;
  // The ends of sliding windows and of sessions are in them.
  const beyondMs = type === 'tumbling' || type === 'hopping' ? 0 : 1;
  const outcome =
    node.emit === 'on-close' ? 'its result is told' : 'it is forgotten: each update has been told';
  return entriesOf(store(own), key).map((entry) => ({
    what: type === 'session' ? 'open_session' : 'open_window',
    until: entry.time + sizeMs + graceMs + beyondMs,
    outcome,
    entry: row(own, entry),
  }));
}

/** Changes that are held back: of the key itself, and of the windows of the key where the table is one of windows. */
export function suppressPending(
  context: PendingContext<NodeOf<'suppress'>>,
  key: Buffer,
  isWindowed: boolean,
): PendingEntry[] {
  const { node, store, row } = context;
  const [own = ''] = node.stores;
  const keys = isWindowed ? [key] : heldKeys(context, key);
  const full = node.recordsMax === null ? '' : `, sooner when ${node.recordsMax} are held`;
  return keys.flatMap((held) =>
    entriesOf(store(own), held).map((entry) => ({
      what: 'held_back' as const,
      until: entry.time,
      outcome: `the last change is told${full}`,
      entry: row(own, entry),
    })),
  );
}

/** The keys under which changes of an event key may be held. */
function heldKeys({ node, plan, serdes, store }: PendingContext<NodeOf<'suppress'>>, key: Buffer): Buffer[] {
  const windows = windowsAbove(plan, node);
  if (windows === null) return [key];
  const events = serdes(windows.key).decodeBody(key);
  const { type, sizeMs } = windows.window;
  return entriesOf(store(windows.stores[0] ?? ''), key).map(({ time, value }) => {
    const bounds =
      type === 'session' ? { start: readTime(value, 0), end: time } : { start: time, end: time + sizeMs };
    return serdes(windows.windowedKey).encodeBody(windowedKey(windows.key, events, bounds));
  });
}

/** Events that wait for a row of a versioned table. */
export function gracePending(
  { node, store, row }: PendingContext<NodeOf<'stream-table-join'>>,
  key: Buffer,
): PendingEntry[] {
  const [own = ''] = node.stores;
  return entriesOf(store(own), key).map((entry) => ({
    what: 'waiting',
    until: entry.time + (node.graceMs ?? 0),
    outcome: 'it is joined with the row that was valid at its time',
    entry: row(own, entry),
  }));
}
