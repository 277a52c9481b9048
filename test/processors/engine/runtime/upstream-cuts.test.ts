import { expect, test } from 'vitest';
import { UpstreamCuts } from '../../../../processors/engine/runtime/upstream-cuts.ts';
import { encodeCutOrigin, encodeProgress } from '../../../../schemas/progress.ts';

type Offsets = Readonly<Record<string, readonly number[]>>;

function said(source: string, writer: string | null, endLsn: bigint, offsets: Offsets) {
  const value = encodeProgress({ endLsn, commitTs: endLsn, systemId: '1', offsets });
  return { key: encodeCutOrigin({ source, writer }), value };
}

test('what is read of the source and of another pipeline is known up to the lower of their LSNs', () => {
  const cuts = new UpstreamCuts('me', ['orders', 'joined']);
  cuts.receive(said('slot', null, 9n, { orders: [4] }));
  cuts.receive(said('slot', 'me', 99n, { orders: [1], joined: [1] }));
  expect(cuts.cutOf('slot')).toBeNull();
  cuts.receive(said('slot', 'other', 8n, { joined: [2, 3] }));
  expect(cuts.cutOf('slot')).toMatchObject({ endLsn: 8n, offsets: { orders: [4], joined: [2, 3] } });
  cuts.receive({ key: encodeCutOrigin({ source: 'slot', writer: 'other' }), value: null });
  expect(cuts.cutOf('slot')).toBeNull();
});

test("a table of another source has nothing to wait for, another pipeline's results may have", () => {
  const cuts = new UpstreamCuts('me', ['a', 'b']);
  cuts.receive(said('slot_a', null, 5n, { a: [1] }));
  expect(cuts.cutOf('slot_a')).toBeNull();
  cuts.receive(said('slot_b', 'other', 6n, { b: [2] }));
  expect(cuts.cutOf('slot_a')).toBeNull();
  cuts.receive(said('slot_b', null, 7n, { b: [3] }));
  expect(cuts.cutOf('slot_a')).toMatchObject({ endLsn: 5n, offsets: { a: [1], b: [] } });
});

test('a topic whose table is still being copied is known up to nowhere', () => {
  const cuts = new UpstreamCuts('me', ['a']);
  const cut = { endLsn: 5n, commitTs: 5n, systemId: '1', offsets: { a: [1] } };
  const key = encodeCutOrigin({ source: 'slot', writer: null });
  cuts.receive({ key, value: encodeProgress({ ...cut, incomplete: ['a'] }) });
  expect(cuts.cutOf('slot')).toBeNull();
  cuts.receive({ key, value: encodeProgress(cut) });
  expect(cuts.cutOf('slot')).toMatchObject({ endLsn: 5n });
});
