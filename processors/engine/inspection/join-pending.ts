import type { NodeOf } from '../operators/operator.ts';
import { readTime } from '../state/time-bytes.ts';
import { type PendingContext, type PendingEntry, entriesOf } from './pending-entry.ts';

/** Buffered records of both sides, those first that wait for a partner and come out alone when none comes. */
export function joinPending(
  context: PendingContext<NodeOf<'stream-stream-join'>>,
  key: Buffer,
): PendingEntry[] {
  const { beforeMs, afterMs } = context.node;
  const left = sideEntries(context, key, 'left', -beforeMs, afterMs);
  const right = sideEntries(context, key, 'right', -afterMs, beforeMs);
  const all = [...left, ...right];
  return [
    ...all.filter(({ what }) => what === 'unmatched'),
    ...all.filter(({ what }) => what === 'buffered'),
  ].toSorted((a, b) => a.until - b.until);
}

function sideEntries(
  { node, store, row }: PendingContext<NodeOf<'stream-stream-join'>>,
  key: Buffer,
  side: 'left' | 'right',
  fromMs: number,
  toMs: number,
): PendingEntry[] {
  const { beforeMs, afterMs, graceMs, stores } = node;
  const own = stores[side === 'left' ? 0 : 1] ?? '';
  const retentionMs = Math.max(beforeMs + afterMs, beforeMs, afterMs) + graceMs;
  const closing = unmatched(stores[2], store, key, side);
  return entriesOf(store(own), key).map((entry) => {
    const alone = closing.get(`${entry.time} ${entry.seq}`);
    return {
      what: alone === undefined ? 'buffered' : 'unmatched',
      side,
      until: (alone ?? entry.time + retentionMs) + 1,
      outcome: alone === undefined ? 'it is forgotten' : 'it comes out without a partner',
      partners: { from: entry.time + fromMs, to: entry.time + toMs },
      entry: row(own, entry),
    };
  });
}

/** Times at which the records of a side close that have met nobody, by time and number of the record. */
function unmatched(
  pending: string | undefined,
  store: PendingContext['store'],
  key: Buffer,
  side: 'left' | 'right',
): ReadonlyMap<string, number> {
  if (pending === undefined) return new Map();
  const sided = Buffer.concat([Buffer.from([side === 'left' ? 0 : 1]), key]);
  return new Map(
    entriesOf(store(pending), sided).map(({ time, seq, value }) => [`${readTime(value, 0)} ${seq}`, time]),
  );
}
