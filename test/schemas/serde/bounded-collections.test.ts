import { expect, test } from 'vitest';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import { compileType } from '../../../schemas/serde/avro-type.ts';

const LIST: AvroSchema = { type: 'array', items: 'string' };
const MAP: AvroSchema = { type: 'map', values: 'string' };
const record = (...fields: readonly (readonly [name: string, type: AvroSchema])[]): AvroSchema => ({
  type: 'record',
  name: 'R',
  namespace: 'n',
  fields: fields.map(([name, type]) => ({ name, type })),
});

/** A varint of 2^40 - 1, zigzag. */
const MANY = 'feffffffff3f';

test.each([LIST, MAP])('a number of items that cannot be there is not believed: %j', (schema) => {
  const type = compileType(schema);
  expect(() => type.decode(Buffer.from(`${MANY}0061`, 'hex'), 0)).toThrow('items in 2 bytes');
  // A block that tells its bytes: the number is negative.
  expect(() => type.decode(Buffer.from('ffffffffff3f020061', 'hex'), 0)).toThrow('items in');
});

test('a block that is passed over never leads backwards', () => {
  const writer = compileType(record(['dropped', LIST], ['gone', MAP], ['kept', 'int']));
  const reader = compileType(record(['kept', 'int']));
  const resolver = reader.createResolver(writer);
  const written = writer.toBuffer({ dropped: ['a', 'b'], gone: { c: 'd' }, kept: 7 });
  expect(reader.fromBuffer(written, resolver)).toEqual({ kept: 7 });
  // One item, in minus two bytes: that is where the block begins.
  expect(() => reader.fromBuffer(Buffer.from('010300000e', 'hex'), resolver)).toThrow('-2 bytes');
  expect(() => reader.fromBuffer(Buffer.from(`00${MANY}0000`, 'hex'), resolver)).toThrow('items in');
});

test('blocks that tell their bytes, and several of them, are read and passed over', () => {
  const type = compileType(record(['list', LIST], ['kept', 'int']));
  const blocks = Buffer.from(['01', '04', '0261', '02', '0262', '00', '0e'].join(''), 'hex');
  expect(type.fromBuffer(blocks)).toEqual({ list: ['a', 'b'], kept: 7 });
  const reader = compileType(record(['kept', 'int']));
  expect(reader.fromBuffer(blocks, reader.createResolver(type))).toEqual({ kept: 7 });
});

test('a member that is called __proto__ is a member', () => {
  const type = compileType(MAP);
  const members = Object.fromEntries([
    ['__proto__', 'a'],
    ['b', 'c'],
  ]);
  expect(Object.entries(type.fromBuffer(type.toBuffer(members)) as object)).toEqual([
    ['__proto__', 'a'],
    ['b', 'c'],
  ]);
});
