import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryKeyValueStore } from '../../../../processors/engine/state/memory-key-value-store.ts';
import { MemoryWindowStore } from '../../../../processors/engine/state/memory-window-store.ts';
import type { StateStore } from '../../../../processors/engine/state/store.ts';

const step = fc.record({
  kind: fc.constantFrom('put' as const, 'delete' as const),
  key: fc.constantFrom('a', 'b', 'c').map((text) => Buffer.from(text)),
  time: fc.integer({ min: 0, max: 5 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const commits = fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 8 });

/** Two copies of a store take turns: one is used by a task, the other follows its changelog. */
function takeTurns<S extends StateStore>(
  stores: readonly [S, S],
  all: readonly (readonly Step[])[],
  apply: (store: S, step: Step) => void,
  entriesOf: (store: S) => unknown,
): void {
  all.forEach((steps, turn) => {
    const [used, following] = turn % 3 === 0 ? stores : [stores[1], stores[0]];
    for (const each of steps) apply(used, each);
    for (const { key, value } of used.staged()) following.restore(key, value);
    used.commit();
    following.commit();
    expect(entriesOf(following)).toEqual(entriesOf(used));
    expect(following.entries).toBe(used.entries);
    expect([...following.staged()]).toEqual([]);
  });
}

test('a key-value store in memory that a task has let go of follows its changelog', () => {
  fc.assert(
    fc.property(commits, (all) => {
      takeTurns(
        [memoryKeyValueStore('s'), memoryKeyValueStore('s')],
        all,
        (store, { kind, key, time }) =>
          kind === 'put' ? store.put(key, Buffer.from([time])) : store.delete(key),
        (store) => [...store.range(null, null)],
      );
    }),
  );
});

test('a window store in memory that a task has let go of follows its changelog', () => {
  fc.assert(
    fc.property(commits, (all) => {
      takeTurns(
        [new MemoryWindowStore('s'), new MemoryWindowStore('s')],
        all,
        (store, { kind, key, time }) => {
          store.advance(time);
          if (kind === 'put') store.put(key, time, Buffer.from([time]));
          else store.expire(time);
        },
        (store) => [
          store.streamTime,
          ['a', 'b', 'c'].map((key) =>
            store.fetch(Buffer.from(key), 0, 5).map(({ time, seq, value }) => [time, seq, value]),
          ),
          store.oldest()?.time,
        ],
      );
    }),
  );
});
