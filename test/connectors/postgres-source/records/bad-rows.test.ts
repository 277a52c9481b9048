import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { AssertionFailure } from '../../../../infra/process/assert.ts';
import { type Clock, systemClock } from '../../../../infra/process/clock.ts';
import { Failure, describe } from '../../../../infra/process/failure.ts';
import { type Log, silentLog } from '../../../../infra/process/log.ts';
import type { ProducerRecord } from '../../../../connectors/kafka/port.ts';
import { BadRows, type OnBadRow } from '../../../../connectors/postgres-source/records/bad-rows.ts';
import { columnMask } from '../../../../connectors/postgres-source/records/column-mask.ts';
import { columnPolicy } from '../../../../connectors/postgres-source/shapes/column-policy.ts';
import { deadLetterTopic } from '../../../../connectors/postgres-source/records/dead-letter.ts';
import type { Relation } from '../../../../connectors/postgres-source/changes/relation.ts';
import { RowEncoder } from '../../../../connectors/postgres-source/records/row-encoder.ts';
import { Slab } from '../../../../connectors/postgres-source/records/slab.ts';
import { type TableSchema, tableSchema } from '../../../../connectors/postgres-source/shapes/table-schema.ts';
import { transactionHead } from '../../../../connectors/postgres-source/changes/transaction-head.ts';
import { compileType } from '../../../../schemas/serde/avro-type.ts';
import { bodyOf } from '../../../../schemas/serde/wire-format.ts';
import { UNCHANGED, chunkOf } from '../tuple-data.ts';

const TEXT = 25;
const TIMESTAMPTZ = 1184;
const KEY = 'a key of thirty-two bytes, or so.';
const HEAD = transactionHead(0x16_b374d848n, 1_700_000_000_123_456n, 77);

const column = (name: string, typeOid: number, inIdentity = false) => ({
  name,
  typeOid,
  typmod: -1,
  inIdentity,
});
const PEOPLE: Relation = {
  oid: 1,
  schema: 'public',
  table: 'people',
  identity: 'd',
  columns: [
    column('id', TEXT, true),
    column('email', TEXT),
    column('note', TEXT),
    column('born', TIMESTAMPTZ),
  ],
};

function schemaOf(policies: Readonly<Record<string, string>>, relation = PEOPLE): TableSchema {
  const columns = relation.columns.map(({ typeOid, typmod }) => ({
    typeName: 'varchar(9)',
    base: { oid: typeOid, typmod },
  }));
  return tableSchema(relation, { primaryKey: ['id'], columns }, (name) => {
    const policy = columnPolicy(policies[name] ?? 'keep');
    if (policy === null || policy.kind === 'keep') return null;
    return policy.kind === 'exclude' ? 'exclude' : columnMask(policy, KEY);
  });
}

/** A column whose decoder gives up on a value, and quotes it. */
function withDecoderThatThrows(schema: TableSchema, field: string): TableSchema {
  const columns = schema.columns.map((each) => {
    if (each.field !== field) return each;
    const write: typeof each.codec.write = (out, at, source, start, end) => {
      const text = source.toString('utf8', start, end);
      if (text.startsWith('bad')) throw new RangeError(`what is "${text}"?`);
      return each.codec.write(out, at, source, start, end);
    };
    return { ...each, codec: { ...each.codec, write } };
  });
  return { ...schema, columns };
}

interface Setup {
  readonly onBadRow?: OnBadRow;
  readonly recordBytesMax?: number;
}

function encoderOf(schema: TableSchema, { onBadRow = 'dead-letter', recordBytesMax = 1000 }: Setup = {}) {
  const logged: object[] = [];
  const counted: string[] = [];
  let nowMs = 0;
  const clock: Clock = { ...systemClock, now: () => nowMs };
  const log: Log = { ...silentLog, warn: (fields) => logged.push(fields) };
  const badRows = new BadRows({
    onBadRow,
    topicPrefix: 'shop',
    slotName: 'slot',
    onDeadLetter: (...table) => counted.push(table.join('.')),
    log,
    clock,
  });
  const target = {
    topic: 'shop.public.people',
    partitions: 8,
    keySchemaId: 7,
    valueSchemaId: 8,
    recordBytesMax,
  };
  const encoder = new RowEncoder(schema, target, new Slab(), badRows);
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { encoder, logged, counted, pass };
}

const headersOf = (record: ProducerRecord): Record<string, string> =>
  Object.fromEntries((record.headers ?? []).map(({ key, value }) => [key, String(value)]));
const letterOf = (record: ProducerRecord): unknown => JSON.parse(String(record.value));

test('masks, hashes, truncated and excluded columns: the schema says so, and no value shows through', () => {
  const schema = schemaOf({ email: 'hash', note: 'truncate:3', born: 'exclude' });
  expect(schema.valueSchema.fields.slice(0, 4)).toMatchObject(
    [
      { name: 'id', type: 'string' },
      { name: 'email', type: ['null', 'string'], default: null, 'pg.type': 'text', doc: /^hashed/ },
      { name: 'note', type: ['null', 'string'], default: null, 'pg.type': 'text', doc: /first 3 characters/ },
      { name: '__op' },
    ].map((field) =>
      'doc' in field ? { ...field, doc: expect.stringMatching(field.doc as RegExp) } : field,
    ),
  );
  const { encoder } = encoderOf(schema);
  const { source, tuples } = chunkOf(['1', 'a@b.c', 'secret', 'infinity'], ['1', null, null, null]);
  const value = (i: number) =>
    compileType(schema.valueSchema).fromBuffer(
      bodyOf(encoder.row('c', source, tuples[i]!, null, HEAD, 1).value!),
    );
  expect(value(0)).toMatchObject({ id: '1', email: expect.stringMatching(/^[0-9a-f]{64}$/), note: 'sec' });
  expect(value(0)).not.toHaveProperty('born');
  expect(value(1)).toMatchObject({ email: null, note: null });
  expect(encoder.row('c', source, tuples[0]!, null, HEAD, 1).headers).toEqual([]);
});

test('an old image goes through the same policies: a hash of it equals the hash of the new one', () => {
  const schema = schemaOf({ email: 'hash', note: 'mask' });
  const { encoder } = encoderOf(schema);
  const { source, tuples } = chunkOf(['1', UNCHANGED, UNCHANGED, null], ['1', 'a@b.c', 'x', null]);
  const email = (record: ProducerRecord): unknown =>
    compileType(schema.valueSchema).fromBuffer(bodyOf(record.value!)) as object;
  const filled = email(encoder.row('u', source, tuples[0]!, tuples[1]!, HEAD, 1));
  const whole = email(encoder.row('u', source, tuples[1]!, null, HEAD, 1));
  expect(filled).toEqual(whole);
  expect(filled).toMatchObject({ note: '****', __unchanged: [] });
});

test('a hashed key keeps keys apart; any other policy on a key column is refused', () => {
  const { encoder } = encoderOf(schemaOf({ id: 'hash' }));
  const { source, tuples } = chunkOf(['1', null, null, null], ['2', null, null, null]);
  const keys = tuples.map((tuple) => String(encoder.key(source, tuple, null)));
  expect(keys[0]).not.toBe(keys[1]);
  for (const policy of ['mask', 'exclude', 'truncate:2'])
    expect(() => schemaOf({ id: policy })).toThrow(
      expect.objectContaining({
        code: 'source.key_policy',
        message: expect.stringContaining('public.people.id'),
      }),
    );
});

test('S135 a row whose text cannot be decoded becomes a dead letter with its texts, its place and the column', () => {
  const schema = withDecoderThatThrows(schemaOf({ email: 'mask' }), 'note');
  const { encoder, counted, logged } = encoderOf(schema);
  const { source, tuples } = chunkOf(['1', 'a@b.c', 'bad "value"', null]);
  const letter = encoder.row('u', source, tuples[0]!, null, HEAD, 3);
  expect(letter).toMatchObject({ topic: 'shop.dlq', partition: 0, timestamp: 1_700_000_000_123 });
  expect(letter.key).toEqual(encoder.key(source, tuples[0]!, null));
  expect(letterOf(letter)).toEqual({
    schema: 'public',
    table: 'people',
    op: 'u',
    columns: { id: '1', email: '****', note: 'bad "value"', born: null },
    unchanged: [],
    base64: [],
    cut: {},
  });
  expect(headersOf(letter)).toEqual({
    '__connect.errors.topic': 'shop.public.people',
    '__connect.errors.connector.name': 'slot',
    '__connect.errors.task.id': '0',
    '__connect.errors.stage': 'VALUE_CONVERTER',
    '__connect.errors.class.name': 'RowEncoder',
    '__connect.errors.exception.class.name': 'source.value_invalid',
    '__connect.errors.exception.message': 'column note has a text that cannot be decoded',
    __table: 'public.people',
    __op: 'u',
    __commit_ts: '1700000000123456',
    __lsn: String(0x16_b374d848n),
    __seq: '3',
  });
  expect(counted).toEqual(['public.people']);
  expect(logged).toEqual([
    expect.objectContaining({ table: 'public.people', lsn: '16/B374D848', seq: 3, letters: 1 }),
  ]);
  expect(JSON.stringify(logged)).not.toMatch(/value"|a@b/);
});

test('a letter leaves out excluded columns, and null stays null under every policy', () => {
  const schema = schemaOf({ email: 'hash', born: 'exclude' });
  const { encoder } = encoderOf(withDecoderThatThrows(schema, 'note'));
  const { source, tuples } = chunkOf(['1', null, 'bad', '2020-01-01 00:00:00+00']);
  const letter = letterOf(encoder.row('c', source, tuples[0]!, null, HEAD, 1));
  expect(letter).toMatchObject({ unchanged: [], cut: {} });
  expect((letter as { columns: unknown }).columns).toEqual({ id: '1', email: null, note: 'bad' });
});

test('by default a bad row stops the source, and neither message nor cause quotes it', () => {
  const schema = withDecoderThatThrows(schemaOf({}), 'note');
  const { encoder } = encoderOf(schema, { onBadRow: 'stop' });
  const { source, tuples } = chunkOf(['1', 'a@b.c', 'bad "value"', null]);
  const stopped = expect.objectContaining({
    code: 'source.value_invalid',
    order: 'stop',
    message: 'column note has a text that cannot be decoded (change 16/B374D848/3 of public.people)',
  });
  let error: unknown;
  try {
    encoder.row('u', source, tuples[0]!, null, HEAD, 3);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toEqual(stopped);
  expect(describe(error) + inspect(error)).not.toContain('value"');
});

test('S132 a row that its topic does not take becomes a letter that any topic takes, long texts cut', () => {
  const { encoder } = encoderOf(schemaOf({}));
  const { source, tuples } = chunkOf(
    ['1', 'x'.repeat(500), '\u20ac\u20ac\n'.repeat(400_000), null],
    ['2', 'x'.repeat(500), null, null],
  );
  const letter = encoder.row('c', source, tuples[0]!, null, HEAD, 1);
  const { columns, cut } = letterOf(letter) as {
    columns: Record<string, string>;
    cut: Record<string, number>;
  };
  expect(headersOf(letter)).toMatchObject({
    '__connect.errors.stage': 'KAFKA_PRODUCE',
    '__connect.errors.exception.class.name': 'source.row_too_large',
  });
  expect(letter.value!.length).toBeLessThanOrEqual(512 * 1024);
  expect(letter.value!.length).toBeGreaterThan(64 * 1024);
  expect(columns).toMatchObject({ id: '1', email: 'x'.repeat(500) });
  expect(columns['note']).toMatch(/^(\u20ac\u20ac\n)+\u20ac{0,2}$/u);
  expect(cut).toEqual({ note: 2_800_000 });
  expect(encoder.row('c', source, tuples[1]!, null, HEAD, 2).topic).toBe('shop.public.people');
});

test('the largest record that a topic takes is told from one that is a byte larger', () => {
  const { source, tuples } = chunkOf(['1', 'x'.repeat(500), null, null]);
  const sized = (recordBytesMax: number) =>
    encoderOf(schemaOf({}), { recordBytesMax }).encoder.row('c', source, tuples[0]!, null, HEAD, 1);
  const fits = sized(1000);
  const bytes = fits.key!.length + fits.value!.length + 128;
  expect(sized(bytes).topic).toBe('shop.public.people');
  expect(sized(bytes - 1).topic).toBe('shop.dlq');
});

test('text that is not UTF-8 is in the letter as base64, and a value that was not sent is named', () => {
  const schema = withDecoderThatThrows(schemaOf({}), 'email');
  const { encoder } = encoderOf(schema);
  const { source, tuples } = chunkOf(['1', 'bad', '\u00fc\u00fc', UNCHANGED]);
  source[tuples[0]!.starts[2]!] = 0xff;
  const letter = letterOf(encoder.row('u', source, tuples[0]!, null, HEAD, 1)) as { columns: object };
  expect(letter).toMatchObject({ base64: ['note'], unchanged: ['born'] });
  expect(letter.columns).toEqual({
    id: '1',
    email: 'bad',
    note: Buffer.from([0xff, 0xbc, 0xc3, 0xbc]).toString('base64'),
  });
});

test('a row whose key has no Avro value is a letter without a key, as is its deletion; its new key is published', () => {
  const relation = { ...PEOPLE, columns: [column('id', TIMESTAMPTZ, true), column('note', TEXT)] };
  const { encoder } = encoderOf(schemaOf({}, relation));
  const { source, tuples } = chunkOf(['infinity', 'x'], ['infinity', null], ['2020-01-01 00:00:00+00', 'x']);
  const [bad, badKey, good] = [tuples[0]!, tuples[1]!, tuples[2]!];
  const letters = [encoder.row('c', source, bad, null, HEAD, 1), encoder.deletion(source, badKey, HEAD, 2)];
  for (const letter of letters) {
    expect(letter).toMatchObject({ topic: 'shop.dlq', key: null });
    expect(headersOf(letter)['__connect.errors.stage']).toBe('KEY_CONVERTER');
  }
  expect(letters.map((letter) => headersOf(letter)['__op'])).toEqual(['c', 'd']);
  expect(encoder.replacedKey(source, badKey, good, null)).toBeNull();
  expect(encoder.replacedKey(source, good, bad, null)).toEqual(encoder.key(source, good, null));
  expect(encoder.deletion(source, good, HEAD, 3)).toMatchObject({ topic: 'shop.public.people', value: null });
});

test('many letters of a table are told once per interval, with their number', () => {
  const { encoder, logged, counted, pass } = encoderOf(withDecoderThatThrows(schemaOf({}), 'note'));
  const { source, tuples } = chunkOf(['1', null, 'bad', null]);
  for (let seq = 1; seq <= 5; seq++) {
    encoder.row('c', source, tuples[0]!, null, HEAD, seq);
    pass(4000);
  }
  expect(counted).toHaveLength(5);
  expect(logged).toMatchObject([{ letters: 1 }, { letters: 4 }]);
});

test.each([
  [new Failure('source.row_shape', 'retry', 'x')],
  [new Failure('x.y', 'restart', 'x')],
  [new AssertionFailure('x')],
])('%s is no fault of the row, and ends the session', (error) => {
  const schema = schemaOf({});
  const columns = schema.columns.map((each) => ({
    ...each,
    codec: {
      ...each.codec,
      write: () => {
        throw error;
      },
    },
  }));
  const { encoder, counted } = encoderOf({ ...schema, columns });
  const { source, tuples } = chunkOf(['1', null, 'x', null]);
  expect(() => encoder.row('c', source, tuples[0]!, null, HEAD, 1)).toThrow(error);
  expect(counted).toEqual([]);
});

test('dead letters are kept until somebody deletes them, in the order of the WAL', () => {
  expect(deadLetterTopic('shop')).toEqual({
    name: 'shop.dlq',
    partitions: 1,
    config: { 'cleanup.policy': 'delete', 'retention.ms': '-1' },
  });
});
