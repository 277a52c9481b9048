import { must } from '../../../infra/process/assert.ts';
import type { StreamRecord } from '../record.ts';
import type { WindowEntry, WindowStore } from '../state/store.ts';
import { type BodySerde, decodeRow, encodeRow } from '../state/table-state.ts';
import { TIME_BYTES, readTime, writeTime } from '../state/time-bytes.ts';
import type { Call, NodeOf, Operator, OperatorContext } from './operator.ts';

/** One side of the join, as it looks at the other one. */
interface Side {
  readonly name: 'left' | 'right';
  readonly tag: number;
  readonly store: WindowStore;
  readonly serde: BodySerde;
  /** Partners of a record at time t lie in [t + fromMs, t + toMs]. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Whether a record without a partner comes out with null. */
  readonly kept: boolean;
}

/**
 * Windowed join of two streams. A new record meets the other side's stored records, then is stored itself. A record
 * whose window has closed (stream time beyond its last partner's time plus grace) is late: dropped, counted, shown to
 * the hook. A kept record without a partner comes out once, when its window closes. Every record that the join reads
 * moves its clock, one for both sides. The rules are those of Kafka Streams since KIP-633 and KIP-962, with its
 * early and duplicate null results (KAFKA-16123) closed.
 */
export function streamStreamJoin(context: OperatorContext<NodeOf<'stream-stream-join'>>): Operator {
  const join = new StreamStreamJoin(context);
  return {
    process: (record, input) => join.process(record, input),
    advance: (time, commitTime) => void join.advance(time, commitTime),
  };
}

class StreamStreamJoin {
  readonly #context: OperatorContext<NodeOf<'stream-stream-join'>>;
  readonly #sides: readonly [Side, Side];
  /** Kept records that have met nobody yet, by the time at which they close. */
  readonly #pending: WindowStore | null;
  readonly #keySerde: BodySerde;
  readonly #joiner: Call;
  readonly #onLate: Call | null;
  readonly #graceMs: number;
  readonly #retentionMs: number;

  constructor(context: OperatorContext<NodeOf<'stream-stream-join'>>) {
    const { join, beforeMs, afterMs, graceMs, stores } = context.node;
    const [left, right, pending] = stores;
    const side = (name: 'left' | 'right', store: string | undefined, fromMs: number, toMs: number): Side => ({
      name,
      tag: name === 'left' ? 0 : 1,
      store: context.windowStore(store ?? ''),
      serde: context.storeSerdes(store ?? '').value,
      fromMs,
      toMs,
      kept: join === 'outer' || (join === 'left' && name === 'left'),
    });
    this.#context = context;
    this.#sides = [side('left', left, -beforeMs, afterMs), side('right', right, -afterMs, beforeMs)];
    this.#pending = pending === undefined ? null : context.windowStore(pending);
    this.#keySerde = context.storeSerdes(left ?? '').key;
    this.#joiner = context.call('joiner');
    this.#onLate = context.callIfGiven('onLate');
    this.#graceMs = graceMs;
    this.#retentionMs = Math.max(beforeMs + afterMs, beforeMs, afterMs) + graceMs;
  }

  process(record: StreamRecord, input: number): void {
    const own = this.#sides[input === 0 ? 0 : 1];
    const streamTime = this.advance(record.time, record.commitTime);
    const { keyBody } = record;
    if (record.value === null) return this.#context.drop('null_value');
    if (keyBody === null) return own.kept ? this.#emitAlone(own, record) : this.#context.drop('null_key');
    const closeTime = record.time + own.toMs + this.#graceMs;
    // Of a window that lies in the past alone the record itself is the last one.
    if (streamTime > Math.max(closeTime, record.time + this.#graceMs))
      return this.#late(own, record, streamTime);
    const met = this.#meet(own, record, keyBody);
    const seq = own.store.put(
      keyBody,
      record.time,
      encodeRow(own.serde.encodeBody(record.value), record.time, record.commitTime),
    );
    if (own.kept && !met)
      this.#pending?.put(pendingKey(own, keyBody), closeTime, timeBytes(record.time), seq);
  }

  /** Returns the stream time of now. */
  advance(time: number, commitTime: number): number {
    const clock = this.#sides[0].store;
    clock.advance(time);
    const { streamTime } = clock;
    this.#emitClosed(streamTime, commitTime);
    for (const side of this.#sides) side.store.expire(streamTime - this.#retentionMs);
    return streamTime;
  }

  #meet(own: Side, record: StreamRecord, keyBody: Buffer): boolean {
    const other = this.#sides[own.tag === 0 ? 1 : 0];
    const partners = other.store.fetch(keyBody, record.time + own.fromMs, record.time + own.toMs);
    for (const partner of partners) {
      if (other.kept) {
        const closeTime = partner.time + other.toMs + this.#graceMs;
        this.#pending?.remove(pendingKey(other, keyBody), closeTime, partner.seq);
      }
      const row = decodeRow(partner.value, other.serde);
      const [left, right] = own.tag === 0 ? [record.value, row.value] : [row.value, record.value];
      this.#context.matched();
      this.#context.forward({
        key: record.key,
        keyBody,
        value: this.#joiner(left, right, record.key),
        oldValue: null,
        time: Math.max(record.time, row.time),
        commitTime: Math.max(record.commitTime, row.commitTime),
      });
    }
    return partners.length > 0;
  }

  #emitClosed(streamTime: number, commitTime: number): void {
    const pending = this.#pending;
    if (pending === null) return;
    const closed: WindowEntry[] = [];
    for (let next = pending.oldest(); next !== null && next.time < streamTime; next = pending.oldest()) {
      pending.remove(next.key, next.time, next.seq);
      closed.push(next);
    }
    if (closed.length > 1) closed.sort(inOrderOfClose);
    for (let i = 0; i < closed.length; i++) this.#emitPending(closed[i] as WindowEntry, commitTime);
  }

  #emitPending({ key: pendingKey, seq, value }: WindowEntry, commitTime: number): void {
    const side = this.#sides[pendingKey[0] === 0 ? 0 : 1];
    const keyBody = pendingKey.subarray(1);
    const entry = side.store.get(keyBody, readTime(value, 0), seq);
    const row = decodeRow(
      must(entry, `a pending record of ${this.#context.node.id} is not in its store`).value,
      side.serde,
    );
    this.#emitAlone(side, {
      ...row,
      key: this.#keySerde.decodeBody(keyBody),
      keyBody,
      oldValue: null,
      commitTime: Math.max(commitTime, row.commitTime),
    });
  }

  #emitAlone(side: Side, record: StreamRecord): void {
    const left = side.tag === 0 ? record.value : null;
    const right = side.tag === 0 ? null : record.value;
    this.#context.forward({ ...record, value: this.#joiner(left, right, record.key) });
  }

  #late(side: Side, record: StreamRecord, streamTime: number): void {
    this.#context.drop('late');
    const { key, value, time } = record;
    this.#onLate?.({ side: side.name, key, value, time, streamTime });
  }
}

/**
 * By the time of their close, then right before left, then by key and arrival. Numbers of the two sides say nothing about one
 * another, and are others after a restore.
 */
function inOrderOfClose(a: WindowEntry, b: WindowEntry): number {
  return (
    a.time - b.time || (b.key[0] ?? 0) - (a.key[0] ?? 0) || Buffer.compare(a.key, b.key) || a.seq - b.seq
  );
}

/** The side goes in front, because records of both sides may close at one time under one key. */
function pendingKey(side: Side, keyBody: Buffer): Buffer {
  const key = Buffer.allocUnsafe(1 + keyBody.length);
  key[0] = side.tag;
  key.set(keyBody, 1);
  return key;
}

function timeBytes(time: number): Buffer {
  const bytes = Buffer.allocUnsafe(TIME_BYTES);
  writeTime(bytes, time, 0);
  return bytes;
}
