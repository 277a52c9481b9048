import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AssignorMember, assignPartitions } from '../../../connectors/kafka/assignor.ts';
import type { Assignment, AssignmentStrategy } from '../../../connectors/kafka/port.ts';

type Plain = Record<string, Record<string, readonly number[]>>;

const plain = (assignments: ReadonlyMap<string, Assignment>): Plain =>
  Object.fromEntries(
    [...assignments].map(([member, assignment]) => [member, Object.fromEntries(assignment)]),
  );

const claims = (members: Plain): readonly AssignorMember[] =>
  Object.entries(members).map(([memberId, owned]) => ({ memberId, owned: new Map(Object.entries(owned)) }));

function assign(
  topics: readonly (readonly string[])[],
  counts: Record<string, number>,
  members: Plain | readonly AssignorMember[],
  strategy: AssignmentStrategy = 'co-partitioned',
): Plain {
  return plain(
    assignPartitions({
      strategy,
      topics,
      partitionCounts: new Map(Object.entries(counts)),
      members: Array.isArray(members) ? (members as readonly AssignorMember[]) : claims(members as Plain),
    }),
  );
}

describe('who gets what', () => {
  const two = [['orders', 'payments']];
  const cases: readonly {
    readonly rule: string;
    readonly topics: readonly (readonly string[])[];
    readonly counts: Record<string, number>;
    readonly members: Plain;
    readonly strategy?: AssignmentStrategy;
    readonly expected: Plain;
  }[] = [
    {
      rule: 'partition i of every topic of a sub-topology goes to one member',
      topics: two,
      counts: { orders: 4, payments: 4 },
      members: { a: {}, b: {} },
      expected: { a: { orders: [0, 2], payments: [0, 2] }, b: { orders: [1, 3], payments: [1, 3] } },
    },
    {
      rule: 'tasks are even over all sub-topologies together',
      topics: [['x'], ['y'], ['z']],
      counts: { x: 1, y: 1, z: 1 },
      members: { a: {}, b: {}, c: {} },
      expected: { a: { x: [0] }, b: { y: [0] }, c: { z: [0] } },
    },
    {
      rule: 'who comes takes an even share and no more; what stays, stays',
      topics: [['x']],
      counts: { x: 6 },
      members: { a: { x: [0, 1, 2] }, b: { x: [3, 4, 5] }, c: {} },
      expected: { a: { x: [0, 1] }, b: { x: [3, 4] }, c: { x: [2, 5] } },
    },
    {
      rule: 'who comes takes a share of each sub-topology',
      topics: [['x'], ['y']],
      counts: { x: 4, y: 4 },
      members: { a: { x: [0, 1, 2, 3], y: [0, 1, 2, 3] }, b: {} },
      expected: { a: { x: [0, 1], y: [0, 1] }, b: { x: [2, 3], y: [2, 3] } },
    },
    {
      rule: 'the tasks of who left are spread, the others stay',
      topics: [['x']],
      counts: { x: 6 },
      members: { a: { x: [0, 1] }, c: { x: [2, 5] } },
      expected: { a: { x: [0, 1, 3] }, c: { x: [2, 4, 5] } },
    },
    {
      rule: 'a task that two members claim goes to one',
      topics: [['x']],
      counts: { x: 2 },
      members: { a: { x: [0, 1] }, b: { x: [0, 1] } },
      expected: { a: { x: [0] }, b: { x: [1] } },
    },
    {
      rule: 'range spreads partitions of unequal topics',
      topics: [['x', 'y']],
      counts: { x: 2, y: 1 },
      members: { a: {}, b: {} },
      strategy: 'range',
      expected: { a: { x: [0], y: [0] }, b: { x: [1] } },
    },
    {
      rule: 'each sub-topology is spread too',
      topics: [['x'], ['y']],
      counts: { x: 2, y: 2 },
      members: { a: { x: [0] }, b: { y: [0] } },
      expected: { a: { x: [0], y: [1] }, b: { x: [1], y: [0] } },
    },
    {
      rule: 'more members than tasks: some have nothing',
      topics: [['x']],
      counts: { x: 1 },
      members: { a: {}, b: { x: [0] } },
      expected: { a: {}, b: { x: [0] } },
    },
  ];
  test.each(cases)('$rule', ({ topics, counts, members, strategy, expected }) => {
    expect(assign(topics, counts, members, strategy)).toEqual(expected);
  });
});

describe('whose stores are furthest', () => {
  /** Members of one sub-topology `x`: what they own, and the position of each task that they hold. */
  const holders = (
    members: Record<string, { owned?: readonly number[]; at?: Record<number, number> }>,
  ): readonly AssignorMember[] =>
    Object.entries(members).map(([memberId, { owned = [], at = {} }]) => ({
      memberId,
      owned: new Map([['x', owned]]),
      positions: Object.entries(at).map(([partition, position]) => ({
        subTopology: 0,
        partition: Number(partition),
        position,
      })),
    }));
  const cases: readonly {
    rule: string;
    tasks: number;
    members: Parameters<typeof holders>[0];
    expected: Plain;
  }[] = [
    {
      rule: 'a task without an owner goes to who has most of it',
      tasks: 2,
      members: { a: { at: { 1: 90_000 } }, b: { at: { 0: 50_000, 1: 20_000 } } },
      expected: { a: { x: [1] }, b: { x: [0] } },
    },
    {
      rule: 'an owner that is nearly as far as the best keeps its task',
      tasks: 2,
      members: { a: { owned: [0], at: { 0: 41_000 } }, b: { owned: [1], at: { 0: 50_000, 1: 1 } } },
      expected: { a: { x: [0] }, b: { x: [1] } },
    },
    {
      rule: 'an owner that is far behind gives its task to who is not',
      tasks: 2,
      members: { a: { owned: [0], at: { 0: 39_000 } }, b: { owned: [1], at: { 0: 50_000 } } },
      expected: { a: { x: [1] }, b: { x: [0] } },
    },
    {
      rule: 'an even spread comes first: what does not fit goes to the next best',
      tasks: 3,
      members: {
        a: { at: { 0: 90_000, 1: 90_000, 2: 90_000 } },
        b: { at: { 1: 10_000, 2: 30_000 } },
        c: { at: { 1: 30_000 } },
      },
      expected: { a: { x: [0] }, b: { x: [2] }, c: { x: [1] } },
    },
    {
      rule: 'a task that only one member has chooses before one that two have',
      tasks: 3,
      members: { a: { at: { 0: 50_000, 1: 50_000 } }, b: { at: { 0: 50_000 } }, c: {} },
      expected: { a: { x: [1] }, b: { x: [0] }, c: { x: [2] } },
    },
    {
      rule: 'of members that are caught up the owner has the task',
      tasks: 1,
      members: { a: { at: { 0: 50_000 } }, b: { owned: [0], at: { 0: 45_000 } }, c: {} },
      expected: { a: {}, b: { x: [0] }, c: {} },
    },
    {
      rule: 'a task that has lost its owner goes to who is furthest of those that are caught up',
      tasks: 1,
      members: { a: { at: { 0: 49_990 } }, b: { at: { 0: 49_999 } }, c: { at: { 0: 49_000 } } },
      expected: { a: {}, b: { x: [0] }, c: {} },
    },
    {
      rule: 'little state is no reason to move',
      tasks: 2,
      members: { a: { at: { 0: 9_000, 1: 9_000 } }, b: {} },
      expected: { a: { x: [0] }, b: { x: [1] } },
    },
  ];
  test.each(cases)('$rule', ({ tasks, members, expected }) => {
    expect(assign([['x']], { x: tasks }, holders(members))).toEqual(expected);
  });
});

test('a topic goes only to who subscribes to it, even where that is uneven', () => {
  const members = [
    { memberId: 'a', owned: new Map(), topics: ['x'] },
    { memberId: 'b', owned: new Map(), topics: ['x', 'y'] },
  ];
  expect(assign([['x', 'y']], { x: 1, y: 4 }, members, 'range')).toEqual({
    a: { x: [0] },
    b: { y: [0, 1, 2, 3] },
  });
});

test('topics that are read together must have equal numbers of partitions, and the error says which to change', () => {
  const topics = [['orders', 'payments', 'refunds']];
  expect(() => assign(topics, { orders: 4, payments: 6, refunds: 3 }, { a: {} })).toThrow(
    expect.objectContaining({
      code: 'kafka.not_co_partitioned',
      order: 'stop',
      message: expect.stringContaining('orders (4), payments (6), refunds (3)'),
      fix: 'repartition orders and refunds to 6 partitions',
    }),
  );
});

describe('whatever the group', () => {
  interface Group {
    readonly topics: readonly (readonly string[])[];
    readonly counts: Record<string, number>;
    readonly members: readonly AssignorMember[];
  }
  const LAG = 10_000;

  /** Sub-topologies of any size, and members that own and hold anything at all of them. */
  const groups: fc.Arbitrary<Group> = fc
    .array(fc.nat({ max: 8 }), { minLength: 1, maxLength: 4 })
    .chain((sizes) => {
      const topics = sizes.map((_, index) => [`t${index}`, `u${index}`]);
      const counts = Object.fromEntries(
        sizes.flatMap((size, index) => (topics[index] ?? []).map((topic) => [topic, size])),
      );
      const tasks = sizes.flatMap((size, subTopology) =>
        Array.from({ length: size }, (_, partition) => ({ subTopology, partition })),
      );
      const member = fc.record({
        owned: fc.subarray(tasks),
        positions: fc.array(fc.nat({ max: 5 }), { minLength: tasks.length, maxLength: tasks.length }),
      });
      return fc.array(member, { minLength: 1, maxLength: 5 }).map((drawn) => ({
        topics,
        counts,
        members: drawn.map(({ owned, positions }, index) => ({
          memberId: `m${index}`,
          owned: new Map(
            topics.flatMap((together, subTopology) =>
              together.map((topic): [string, number[]] => [
                topic,
                owned.filter((task) => task.subTopology === subTopology).map((task) => task.partition),
              ]),
            ),
          ),
          positions: tasks.map((task, at) => ({ ...task, position: (positions[at] ?? 0) * 0.75 * LAG })),
        })),
      }));
    });

  const tasksOf = (assignment: Record<string, readonly number[]> | undefined): string[] =>
    Object.entries(assignment ?? {})
      .filter(([topic]) => topic.startsWith('t'))
      .flatMap(([topic, partitions]) => partitions.map((partition) => `${topic.slice(1)}/${partition}`));
  const ownedBy = (assigned: Plain): Map<string, string> =>
    new Map(Object.entries(assigned).flatMap(([member, of]) => tasksOf(of).map((task) => [task, member])));
  const keep = (assigned: Plain, members: readonly AssignorMember[]): readonly AssignorMember[] =>
    members.map((member) => ({
      ...member,
      owned: new Map(Object.entries(assigned[member.memberId] ?? {})),
    }));
  const stateless = (members: readonly AssignorMember[]): readonly AssignorMember[] =>
    members.map(({ memberId, owned }) => ({ memberId, owned }));
  const moves = (before: Plain, after: Plain): number => {
    const owner = ownedBy(after);
    return [...ownedBy(before)].filter(([task, member]) => owner.get(task) !== member).length;
  };

  test('every task has one owner, with all its topics', () => {
    fc.assert(
      fc.property(groups, ({ topics, counts, members }) => {
        const assigned = assign(topics, counts, members);
        for (const topic of topics.flat()) {
          const owned = Object.values(assigned).flatMap((assignment) => assignment[topic] ?? []);
          expect(owned.toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: counts[topic]! }, (_, n) => n),
          );
        }
        for (const assignment of Object.values(assigned))
          for (const [t = '', u = ''] of topics) expect(assignment[t]).toEqual(assignment[u]);
      }),
    );
  });

  test('shares differ by one at most', () => {
    fc.assert(
      fc.property(groups, ({ topics, counts, members }) => {
        const loads = Object.values(assign(topics, counts, members)).map((of) => tasksOf(of).length);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('the order in which the members stand changes nothing', () => {
    fc.assert(
      fc.property(groups, fc.infiniteStream(fc.nat()), ({ topics, counts, members }, random) => {
        const shuffled = members
          .map((member) => ({ member, at: random.next().value ?? 0 }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ member }) => member);
        expect(assign(topics, counts, shuffled)).toEqual(assign(topics, counts, members));
      }),
    );
  });

  test('a rebalance for nothing moves nothing', () => {
    fc.assert(
      fc.property(groups, ({ topics, counts, members }) => {
        const assigned = assign(topics, counts, members);
        expect(assign(topics, counts, keep(assigned, members))).toEqual(assigned);
      }),
    );
  });

  test('who leaves moves only what it had, who joins only what is its share', () => {
    fc.assert(
      fc.property(groups, ({ topics, counts, members }) => {
        const all = stateless(members);
        const before = assign(topics, counts, all);
        if (all.length > 1) {
          const [gone, ...rest] = keep(before, all);
          const after = assign(topics, counts, rest);
          expect(moves(before, after)).toBe(tasksOf(before[gone!.memberId]).length);
        }
        const joined = [...keep(before, all), { memberId: 'new', owned: new Map() }];
        const after = assign(topics, counts, joined);
        expect(moves(before, after)).toBe(tasksOf(after['new']).length);
      }),
    );
  });

  test('a task is far behind only where all who are near it have their share', () => {
    fc.assert(
      fc.property(groups, ({ topics, counts, members }) => {
        const assigned = assign(topics, counts, members);
        const owner = ownedBy(assigned);
        const share = Math.floor(owner.size / members.length);
        for (const [task, member] of owner) {
          const at = members.map(({ memberId, positions = [] }) => ({
            memberId,
            position: positions.find((p) => `${p.subTopology}/${p.partition}` === task)?.position ?? 0,
          }));
          const best = Math.max(...at.map(({ position }) => position));
          const near = at.filter(({ position }) => position >= best - LAG).map(({ memberId }) => memberId);
          if (near.includes(member)) continue;
          for (const full of near) expect(tasksOf(assigned[full]).length).toBeGreaterThanOrEqual(share);
        }
      }),
    );
  });

  test('an owner that is not far behind loses a task only when it has its share without it', () => {
    fc.assert(
      fc.property(groups, ({ topics, counts, members }) => {
        const assigned = assign(topics, counts, members);
        const owner = ownedBy(assigned);
        const share = Math.floor(owner.size / members.length);
        for (const { memberId, owned, positions = [] } of members)
          for (const { subTopology, partition, position } of positions) {
            const task = `${subTopology}/${partition}`;
            if (!owned.get(`t${subTopology}`)?.includes(partition) || owner.get(task) === memberId) continue;
            const best = Math.max(
              ...members.map(
                (member) =>
                  member.positions?.find((p) => `${p.subTopology}/${p.partition}` === task)?.position ?? 0,
              ),
            );
            const taken = owner.get(task) ?? '';
            const claimedByTaker = members
              .find((member) => member.memberId === taken)
              ?.owned.get(`t${subTopology}`)
              ?.includes(partition);
            if (position < best - LAG || claimedByTaker) continue;
            expect(tasksOf(assigned[memberId]).length).toBeGreaterThanOrEqual(share);
          }
      }),
    );
  });
});
