import { expect, test } from 'vitest';
import { ToastPlaces } from '../../../../connectors/postgres-source/toast/toast-places.ts';
import { toastIdentity } from '../../../../connectors/postgres-source/toast/toast-shape.ts';
import type { AvroField, AvroSchema } from '../../../../schemas/avro-schema.ts';
import { CHANGE_EVENT_FIELDS } from '../../../../schemas/change-event.ts';
import { compileType } from '../../../../schemas/serde/avro-type.ts';
import { frame } from '../../../../schemas/serde/wire-format.ts';

const POINT: AvroSchema = {
  type: 'record',
  name: 'Point',
  namespace: 's.t.column',
  fields: [
    { name: 'x', type: 'double' },
    { name: 'y', type: 'float' },
  ],
};
const nullable = (name: string, type: AvroSchema, more: object = {}): AvroField => ({
  name,
  type: ['null', type],
  default: null,
  ...more,
});
const column = (attribute: number, type: AvroSchema, policy = '') => ({
  place: attribute - 1,
  attribute,
  identity: toastIdentity(attribute, ['null', type], policy),
  masked: false,
});
const COLUMNS = [
  nullable('b', 'boolean'),
  nullable('list', { type: 'array', items: ['null', 'string'] }, { 'pg.attribute': 5 }),
  nullable('map', { type: 'map', values: ['null', 'string'] }),
  nullable('point', POINT),
  nullable('text', 'string', { 'pg.attribute': 3 }),
  nullable('masked', 'string', { 'pg.attribute': 4, 'pg.policy': 'hash' }),
];
const ROW = {
  b: true,
  list: ['a', null],
  map: { k: 'v', l: null },
  point: { x: 1.5, y: 2 },
  text: 'é',
  masked: 'h',
};
const EVENT = { __op: 'u', __commit_ts: 1n, __lsn: 2n ** 62n, __seq: 300n, __xid: 1n };

function found(places: ToastPlaces, value: Buffer, i: number): string {
  return value.subarray(places.starts[i], places.ends[i]).toString('hex');
}

test('columns are found by what they are, whatever they are called', () => {
  const schema: AvroSchema = { type: 'record', name: 'Value', fields: [...COLUMNS, ...CHANGE_EVENT_FIELDS] };
  const value = frame(7, compileType(schema).toBuffer({ ...ROW, ...EVENT, __unchanged: ['masked'] }));
  const columns = [
    column(3, 'string'),
    column(5, { type: 'array', items: ['null', 'string'] }),
    column(4, 'string', 'hash'),
    column(4, 'string'),
    column(5, 'string'),
  ];
  const places = new ToastPlaces(schema, columns);
  places.read(value, []);
  expect(found(places, value, 0)).toBe('0204c3a9');
  expect(found(places, value, 1)).toBe(`0204${'02'}0261${'00'}00`);
  expect([...places.unchanged]).toEqual([0, 0, 1, 0, 0]);
  expect([...places.starts.subarray(3)]).toEqual([-1, -1]);
  expect(places.lsn).toBe(2n ** 62n);
});

test('special values have their text in the header', () => {
  const schema: AvroSchema = { type: 'record', name: 'Value', fields: COLUMNS };
  const places = new ToastPlaces(schema, [column(3, 'string'), column(5, 'string')]);
  const headers = [{ key: 'pg.special', value: Buffer.from('{"text":"infinity"}') }];
  expect([places.special(0, headers), places.special(1, headers), places.special(0, [])]).toEqual([
    'infinity',
    null,
    null,
  ]);
});

test('columns stand in the field after of an envelope, whose record is named again', () => {
  const row = { type: 'record', name: 'Value', namespace: 's.t', fields: COLUMNS } as const;
  const source = {
    type: 'record',
    name: 'Source',
    fields: [nullable('lsn', 'long'), nullable('db', 'string')],
  } as const;
  const schema = {
    type: 'record',
    name: 'Envelope',
    namespace: 's.t',
    fields: [
      nullable('before', row),
      nullable('after', 's.t.Value' as 'string'),
      { name: 'source', type: source },
      { name: 'op', type: 'string' },
    ],
  } as const satisfies AvroSchema;
  const type = compileType(schema);
  const places = new ToastPlaces(schema, [column(3, 'string')]);
  const value = frame(
    7,
    type.toBuffer({ before: ROW, after: { ...ROW, text: 'new' }, source: { lsn: 9n, db: 'd' }, op: 'u' }),
  );
  places.read(value, [{ key: '__unchanged', value: Buffer.from('["list","text"]') }]);
  expect(found(places, value, 0)).toBe('02066e6577');
  expect([places.lsn, places.unchanged[0]]).toEqual([9n, 1]);
  const end = frame(7, type.toBuffer({ before: ROW, after: null, source: { lsn: null, db: null }, op: 'd' }));
  places.read(end, []);
  expect([places.starts[0], places.unchanged[0], places.lsn]).toEqual([-1, 0, 0n]);
});

test('a schema that is none of ours is refused', () => {
  expect(() => new ToastPlaces('string', [])).toThrow(RangeError);
});

test('bytes that the source has not written are out of range, and lead neither backwards nor on for ever', () => {
  const places = new ToastPlaces({ type: 'record', name: 'V', fields: COLUMNS }, [column(3, 'string')]);
  // b null, then a list: a block of minus two bytes; a million million items; a string of minus one byte.
  for (const hex of ['00020103', '0002feffffffff3f00', '0002020201000000', '00', '04'])
    expect(() => places.read(frame(1, Buffer.from(hex, 'hex')), []), hex).toThrow(RangeError);
});
