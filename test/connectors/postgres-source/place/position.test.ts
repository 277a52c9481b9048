import { expect, test } from 'vitest';
import { newCopy } from '../../../../connectors/postgres-source/copies/copy-state.ts';
import {
  type SourcePosition,
  decodePosition,
  encodePosition,
} from '../../../../connectors/postgres-source/place/position.ts';

const POSITION: SourcePosition = {
  systemId: '7710811421631895828',
  timeline: 3,
  slot: 'shop',
  publicationOid: 4_294_967_295,
  endLsn: 2n ** 63n + 1n,
  commitTs: 1_700_000_000_123_456n,
  open: { finalLsn: 2n ** 63n + 9n, seq: 12 },
  snapshot: 'done',
};

test('a position survives the topic, all 64 bits of it', () => {
  expect(decodePosition(encodePosition(POSITION))).toEqual(POSITION);
  expect(decodePosition(encodePosition({ ...POSITION, open: null }))).toEqual({ ...POSITION, open: null });
});

test('S69 the places of tables that are being copied survive with it', () => {
  const copy = {
    ...newCopy(4_294_967_295, true),
    cursor: ["o'k", 'é'],
    last: ['z', ''],
    chunks: 3,
    rows: 30,
  };
  const copies = { copied: [7], open: [copy, newCopy(8, false, 'id > 5')] };
  expect(decodePosition(encodePosition({ ...POSITION, copies }))).toEqual({ ...POSITION, copies });
});

test('a position of another version is refused, not guessed at', () => {
  const other = encodePosition(POSITION).toString().replace('"v":1', '"v":2');
  expect(() => decodePosition(Buffer.from(other), 'the position of slot s')).toThrow(
    expect.objectContaining({
      code: 'source.position_unreadable',
      message: 'the position of slot s is unreadable',
      cause: expect.objectContaining({ message: expect.stringContaining('"v"') }),
    }),
  );
});

test('S56 a position without a timeline, as older versions wrote it, is read', () => {
  const { timeline: _, ...older } = POSITION;
  expect(decodePosition(encodePosition(older))).toEqual(older);
});
