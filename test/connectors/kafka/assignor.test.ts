import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assignPartitions } from '../../../connectors/kafka/assignor.ts';
import type { Assignment, AssignmentStrategy } from '../../../connectors/kafka/port.ts';

type Plain = Record<string, Record<string, readonly number[]>>;

const plain = (assignments: ReadonlyMap<string, Assignment>): Plain =>
  Object.fromEntries(
    [...assignments].map(([member, assignment]) => [member, Object.fromEntries(assignment)]),
  );

function assign(
  topics: readonly (readonly string[])[],
  counts: Record<string, number>,
  members: Plain,
  strategy: AssignmentStrategy = 'co-partitioned',
): Plain {
  const claims = Object.entries(members).map(([memberId, owned]) => ({
    memberId,
    owned: new Map(Object.entries(owned)),
  }));
  return plain(assignPartitions(strategy, topics, new Map(Object.entries(counts)), claims));
}

test('partition i of every topic of a sub-topology goes to one member', () => {
  expect(assign([['orders', 'payments']], { orders: 4, payments: 4 }, { a: {}, b: {} })).toEqual({
    a: { orders: [0, 2], payments: [0, 2] },
    b: { orders: [1, 3], payments: [1, 3] },
  });
});

test('tasks are even over all sub-topologies together', () => {
  expect(assign([['x'], ['y'], ['z']], { x: 1, y: 1, z: 1 }, { a: {}, b: {}, c: {} })).toEqual({
    a: { x: [0] },
    b: { y: [0] },
    c: { z: [0] },
  });
});

test('who comes takes an even share and no more; what stays, stays', () => {
  const before = { a: { x: [0, 1, 2] }, b: { x: [3, 4, 5] }, c: {} };
  expect(assign([['x']], { x: 6 }, before)).toEqual({ a: { x: [0, 1] }, b: { x: [3, 4] }, c: { x: [2, 5] } });
});

test('the tasks of who left are spread, the others stay', () => {
  expect(assign([['x']], { x: 6 }, { a: { x: [0, 1] }, c: { x: [2, 5] } })).toEqual({
    a: { x: [0, 1, 3] },
    c: { x: [2, 4, 5] },
  });
});

test('a task that two members claim goes to one', () => {
  expect(assign([['x']], { x: 2 }, { a: { x: [0, 1] }, b: { x: [0, 1] } })).toEqual({
    a: { x: [0] },
    b: { x: [1] },
  });
});

test('range spreads partitions of unequal topics', () => {
  expect(assign([['x', 'y']], { x: 2, y: 1 }, { a: {}, b: {} }, 'range')).toEqual({
    a: { x: [0], y: [0] },
    b: { x: [1] },
  });
});

test('topics that are read together must have equal numbers of partitions', () => {
  expect(() => assign([['orders', 'payments']], { orders: 4, payments: 6 }, { a: {} })).toThrow(
    expect.objectContaining({
      code: 'kafka.not_co_partitioned',
      order: 'stop',
      message: expect.stringContaining('orders (4), payments (6)'),
    }),
  );
});

test('every task has one owner, shares differ by one at most, and a second rebalance moves nothing', () => {
  const sizes = fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 4 });
  const owners = fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(sizes, owners, (counts, claimed) => {
      const topics = counts.map((_, index) => [`t${index}`]);
      const countOf = Object.fromEntries(counts.map((count, index) => [`t${index}`, count]));
      const members: Plain = Object.fromEntries(
        claimed.map((most, index) => [
          `m${index}`,
          { t0: Array.from({ length: Math.min(most, counts[0]!) }, (_, n) => n) },
        ]),
      );
      const assigned = assign(topics, countOf, members);
      const loads = Object.values(assigned).map((assignment) => Object.values(assignment).flat().length);
      expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
      for (const [index, count] of counts.entries()) {
        const owned = Object.values(assigned).flatMap((assignment) => assignment[`t${index}`] ?? []);
        expect(owned.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, n) => n));
      }
      expect(assign(topics, countOf, assigned)).toEqual(assigned);
    }),
  );
});
