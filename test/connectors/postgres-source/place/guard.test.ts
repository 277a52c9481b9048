import { expect, test } from 'vitest';
import { type ServerFacts, guard } from '../../../../connectors/postgres-source/place/guard.ts';
import type { SourcePosition } from '../../../../connectors/postgres-source/place/position.ts';

const REQUEST = {
  slotName: 'shop',
  publicationName: 'shop',
  tables: ['public.orders'],
  positionTopic: 'shop.position',
  slotFailover: false,
  acceptTimeline: null,
};

const SLOT = {
  plugin: 'pgoutput',
  database: 'shop',
  walStatus: 'reserved',
  invalidation: null,
  confirmedFlush: 100n,
  activePid: null,
  synced: false,
  failover: false,
};

const SYNCED = { ...SLOT, synced: true };

const SERVER: ServerFacts = {
  systemId: '7',
  database: 'shop',
  timeline: 1,
  fork: null,
  version: 180_004,
  walLevel: 'logical',
  standby: false,
  flushedLsn: 200n,
  slot: SLOT,
  publication: { oid: 5, tables: ['public.orders', 'public.items'] },
  pooled: false,
  hidden: [],
};

const HIDDEN = { message: 'role shop may not SELECT from public.orders', fix: 'GRANT SELECT' };

const POSITION: SourcePosition = {
  systemId: '7',
  slot: 'shop',
  publicationOid: 5,
  endLsn: 100n,
  commitTs: 0n,
  open: null,
  snapshot: 'done',
};

test('a server that agrees with the position is streamed from', () => {
  expect(guard(POSITION, SERVER, REQUEST)).toBe('stream');
});

test('without a position and without a slot, the slot is made', () => {
  expect(guard(null, { ...SERVER, slot: null }, REQUEST)).toBe('create');
});

test('a crash while the slot was made begins again; one while tables were read reads them again', () => {
  expect(guard({ ...POSITION, snapshot: 'creating', endLsn: 0n }, SERVER, REQUEST)).toBe('create');
  expect(guard({ ...POSITION, snapshot: 'pending' }, SERVER, REQUEST)).toBe('snapshot');
});

test.each<[string, Partial<SourcePosition> | null, Partial<ServerFacts>]>([
  ['source.server_old', null, { version: 140_022 }],
  ['source.standby', null, { standby: true }],
  ['source.standby', { systemId: '8' }, { standby: true }],
  ['source.timeline_foreign', { timeline: 3 }, { timeline: 2 }],
  ['source.timeline_diverged', { timeline: 1 }, { timeline: 2, fork: 99n, slot: SYNCED }],
  [
    'source.timeline_diverged',
    { timeline: 1, endLsn: 90n, open: { finalLsn: 99n, seq: 3 } },
    { timeline: 2, fork: 99n, slot: SYNCED },
  ],
  ['source.slot_missing', { timeline: 1 }, { timeline: 2, fork: 100n, slot: null }],
  ['source.timeline_changed', { timeline: 1 }, { timeline: 2, fork: 100n }],
  [
    'source.position_gap',
    { timeline: 1 },
    { timeline: 2, fork: 100n, slot: { ...SYNCED, confirmedFlush: 101n } },
  ],
  ['source.wal_level', null, { walLevel: 'replica' }],
  ['source.publication_missing', null, { publication: null }],
  ['source.publication_missing', {}, { publication: null }],
  ['source.publication_replaced', {}, { publication: { oid: 6, tables: ['public.orders'] } }],
  ['source.publication_tables', {}, { publication: { oid: 5, tables: ['public.items'] } }],
  ['source.slot_without_position', null, {}],
  ['source.wrong_cluster', {}, { systemId: '8' }],
  ['source.slot_missing', {}, { slot: null }],
  ['source.slot_foreign', {}, { slot: { ...SLOT, plugin: 'wal2json' } }],
  ['source.slot_foreign', {}, { slot: { ...SLOT, database: 'other' } }],
  ['source.slot_lost', {}, { slot: { ...SLOT, walStatus: 'lost' } }],
  ['source.slot_lost', {}, { slot: { ...SLOT, invalidation: 'idle_timeout' } }],
  ['source.pooler', {}, { pooled: true }],
  ['source.table_hidden', null, { slot: null, hidden: [HIDDEN] }],
  ['source.table_hidden', { snapshot: 'pending' }, { hidden: [HIDDEN] }],
  ['source.position_ahead', { endLsn: 201n }, {}],
  ['source.position_gap', {}, { slot: { ...SLOT, confirmedFlush: 101n } }],
])('S54 S55 S56 S57 S59 S101 S139 %s is refused, with a fix (case %#)', (code, position, server) => {
  const stored = position === null ? null : { ...POSITION, ...position };
  expect(() => guard(stored, { ...SERVER, ...server }, REQUEST)).toThrow(
    expect.objectContaining({ code, order: 'stop', fix: expect.stringMatching(/\w/) }),
  );
});

test('S49 a slot that another reader still holds is waited for', () => {
  const active = { ...SERVER, slot: { ...SLOT, activePid: 4711 } };
  expect(() => guard(POSITION, active, REQUEST)).toThrow(
    expect.objectContaining({
      code: 'source.slot_active',
      order: 'retry',
      message: expect.stringContaining('4711'),
    }),
  );
});

test('S138 a table that may not be read does not stop a stream that needs no snapshot', () => {
  expect(guard(POSITION, { ...SERVER, hidden: [HIDDEN] }, REQUEST)).toBe('stream');
});

test('S56 S60 a promoted standby is gone on with when its slot was synchronised and Kafka has nothing that it lacks', () => {
  const promoted = { ...SERVER, timeline: 2, fork: 100n, slot: SYNCED };
  expect(guard({ ...POSITION, timeline: 1 }, promoted, REQUEST)).toBe('stream');
  const open = { finalLsn: 99n, seq: 3 };
  expect(
    guard(
      { ...POSITION, timeline: 1, endLsn: 90n, open },
      { ...promoted, slot: { ...SYNCED, confirmedFlush: 90n } },
      REQUEST,
    ),
  ).toBe('stream');
});

test('S56 an operator may vouch for one timeline, and for what he cannot know he may not', () => {
  const promoted = { ...SERVER, timeline: 2, fork: 100n };
  const stored = { ...POSITION, timeline: 1 };
  const vouched = (timeline: number) => ({ ...REQUEST, acceptTimeline: timeline });
  expect(guard(stored, promoted, vouched(2))).toBe('stream');
  expect(() => guard(stored, promoted, vouched(3))).toThrow('timeline 2');
  expect(() => guard(stored, { ...promoted, fork: 99n }, vouched(2))).toThrow('never had');
});

test('S56 a position from before timelines were written is taken as it is', () => {
  expect(guard(POSITION, { ...SERVER, timeline: 2 }, REQUEST)).toBe('stream');
});

test('S60 a standby is waited for once the position belongs to its cluster', () => {
  expect(() => guard(POSITION, { ...SERVER, standby: true }, REQUEST)).toThrow(
    expect.objectContaining({ code: 'source.standby', order: 'retry' }),
  );
});

test('S60 a slot that standbys keep is asked for only where there are such', () => {
  const request = { ...REQUEST, slotFailover: true };
  expect(guard(POSITION, { ...SERVER, version: 170_010 }, request)).toBe('stream');
  expect(() => guard(POSITION, { ...SERVER, version: 150_018 }, request)).toThrow(
    expect.objectContaining({ code: 'source.failover_unsupported', order: 'stop' }),
  );
});
