import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignPartitions } from '../../../connectors/kafka/assignor.ts';
import type { TaskPosition } from '../../../connectors/kafka/port.ts';
import { type StandbyMember, placeStandbys } from '../../../connectors/kafka/standby-placement.ts';

type Owned = Record<string, readonly number[]>;

/** Of one sub-topology `x`: who copies what, where members own partitions and hold some at a position. */
function place(
  owned: Owned,
  replicas: number,
  at: Record<string, Record<number, number>> = {},
): Record<string, readonly number[]> {
  const members = Object.keys(owned).map((memberId): StandbyMember => ({
    memberId,
    positions: Object.entries(at[memberId] ?? {}).map(([partition, position]) => ({
      subTopology: 0,
      partition: Number(partition),
      position,
    })),
  }));
  const assigned = new Map(
    Object.entries(owned).map(([member, partitions]) => [member, new Map([['x', partitions]])]),
  );
  const placed = placeStandbys({ topics: [['x']], replicas: [replicas], members, assigned });
  return Object.fromEntries(
    [...placed].map(([member, tasks]) => [member, tasks.map(({ partition }) => partition)]),
  );
}

describe('who copies what', () => {
  test('nobody copies its own task, and who is alone copies nothing', () => {
    expect(place({ a: [0], b: [1] }, 1)).toEqual({ a: [1], b: [0] });
    expect(place({ a: [0, 1] }, 1)).toEqual({ a: [] });
    expect(place({ a: [0], b: [1] }, 0)).toEqual({ a: [], b: [] });
  });

  test('the tasks of one owner are copied by all others, who share them when it goes', () => {
    expect(place({ a: [0, 1, 2, 3], b: [], c: [] }, 1)).toEqual({ a: [], b: [0, 2], c: [1, 3] });
  });

  test('a task has no more copies than there are other members', () => {
    expect(place({ a: [0], b: [], c: [] }, 5)).toEqual({ a: [], b: [0], c: [0] });
  });

  test('who has a copy keeps it, and of two the one that is further', () => {
    expect(place({ a: [0], b: [], c: [] }, 1, { c: { 0: 7 } })).toEqual({ a: [], b: [], c: [0] });
    expect(place({ a: [0], b: [], c: [] }, 1, { a: { 0: 9 }, b: { 0: 6 }, c: { 0: 5 } })).toEqual({
      a: [],
      b: [0],
      c: [],
    });
  });

  test('who has copies of everything keeps an even share of them, and gets another one at most', () => {
    const everything = { 0: 9, 1: 9, 2: 9, 3: 9, 4: 9, 5: 9 };
    const { c } = place({ a: [0, 1, 2], b: [3, 4, 5], c: [] }, 1, { c: everything });
    expect(c?.slice(0, 2)).toEqual([0, 1]);
    expect(c?.length).toBeLessThanOrEqual(3);
  });

  test('only members that subscribe to the topics of a task copy it', () => {
    const members = [{ memberId: 'a' }, { memberId: 'b', topics: ['y'] }, { memberId: 'c', topics: ['x'] }];
    const assigned = new Map([['a', new Map([['x', [0, 1]]])]]);
    const placed = placeStandbys({ topics: [['x']], replicas: [1], members, assigned });
    expect([...placed].map(([member, tasks]) => [member, tasks.length])).toEqual([
      ['a', 0],
      ['b', 0],
      ['c', 2],
    ]);
  });
});

test('whatever the group: as many copies as can be, spread evenly, stable, in whatever order the members stand', () => {
  const groups = fc.record({
    tasks: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 3 }),
    members: fc.integer({ min: 1, max: 5 }),
    replicas: fc.integer({ min: 1, max: 2 }),
  });
  fc.assert(
    fc.property(groups, ({ tasks, members: count, replicas: wanted }) => {
      const topics = tasks.map((_, i) => [`t${i}`]);
      const replicas = tasks.map(() => wanted);
      const partitionCounts = new Map(tasks.map((partitions, i) => [`t${i}`, partitions]));
      const plain = Array.from({ length: count }, (_, i) => ({ memberId: `m${i}`, owned: new Map() }));
      const assigned = assignPartitions({
        strategy: 'co-partitioned',
        topics,
        partitionCounts,
        members: plain,
      });
      const placed = placeStandbys({ topics, replicas, members: plain, assigned });

      const total = tasks.reduce((a, b) => a + b, 0) * Math.min(wanted, count - 1);
      const sizes = [...placed.values()].map(({ length }) => length);
      expect(sizes.reduce((a, b) => a + b, 0)).toBe(total);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(Math.ceil(total / count) + wanted);
      for (const [member, copies] of placed) {
        const names = copies.map(({ subTopology, partition }) => `${subTopology}/${partition}`);
        expect(new Set(names).size).toBe(names.length);
        for (const { subTopology, partition } of copies)
          expect(assigned.get(member)?.get(`t${subTopology}`) ?? []).not.toContain(partition);
      }
      const warm = plain.map(({ memberId }) => ({
        memberId,
        positions: (placed.get(memberId) ?? []).map((task): TaskPosition => ({ ...task, position: 5 })),
      }));
      const again = placeStandbys({ topics, replicas, members: warm.toReversed(), assigned });
      const share = Math.ceil(total / count);
      if (Math.max(...sizes) <= share)
        for (const [member, copies] of placed)
          expect(new Set(again.get(member)?.map((task) => JSON.stringify(task)))).toEqual(
            new Set(copies.map((task) => JSON.stringify(task))),
          );
    }),
  );
});
