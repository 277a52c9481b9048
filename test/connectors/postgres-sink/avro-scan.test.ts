import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NULL_PLACE, Places, avroScan } from '../../../connectors/postgres-sink/avro-scan.ts';
import { readBigVarint, readVarint } from '../../../connectors/postgres-sink/avro-varint.ts';
import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import { compileType } from '../../../schemas/serde/avro-type.ts';
import { frame } from '../../../schemas/serde/wire-format.ts';

const SCHEMA: AvroRecord = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'text', type: ['null', 'string'] },
    { name: 'mood', type: ['null', { type: 'enum', name: 'Mood', symbols: ['SAD', 'OK'] }] },
    { name: 'again', type: ['Mood' as 'string', 'null'] },
    { name: 'list', type: { type: 'array', items: ['null', 'int'] } },
    { name: 'flag', type: 'boolean' },
    { name: 'ratio', type: 'double' },
    { name: 'nothing', type: 'null' },
    { name: 'either', type: ['int', 'string', 'null'] },
    { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 3 } },
  ],
};

const row = fc.record({
  id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  text: fc.option(fc.string({ unit: 'grapheme' })),
  mood: fc.option(fc.constantFrom('SAD', 'OK')),
  again: fc.option(fc.constantFrom('SAD', 'OK')),
  list: fc.array(fc.option(fc.integer({ min: -1000, max: 1000 }))),
  flag: fc.boolean(),
  ratio: fc.double({ noNaN: true }),
  nothing: fc.constant(null),
  either: fc.option(fc.constantFrom(7, 'seven')),
  hash: fc.uint8Array({ minLength: 3, maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
});

const type = compileType(SCHEMA);
const scan = avroScan(SCHEMA, 'value');

test('each field is found where it lies, and reads as it does in the decoded record', () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 3 }), (rows) => {
      const places = new Places(0);
      for (const written of rows) {
        const bytes = frame(7, type.toBuffer(written));
        const first = scan.add(bytes, places);
        const decoded = type.fromBuffer(bytes.subarray(5)) as Record<string, unknown>;
        for (const [i, { name }] of scan.fields.entries()) {
          const at = places.values[first + i] ?? 0;
          expect(at === NULL_PLACE ? null : scan.decode(i, bytes, at)).toEqual(decoded[name]);
        }
      }
    }),
  );
});

test('bytes that are not what the schema says are left to who decodes them', () => {
  fc.assert(
    fc.property(row, fc.nat(), (written, cut) => {
      const bytes = frame(7, type.toBuffer(written));
      const places = new Places(0);
      expect(scan.add(bytes.subarray(0, 5 + (cut % (bytes.length - 5))), places)).toBe(-1);
      expect(scan.add(Buffer.concat([bytes, Buffer.from([0])]), places)).toBe(-1);
      expect(places.length).toBe(0);
    }),
  );
});

test('a number is read exactly, or not as a double', () => {
  const long = compileType('long');
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.integer({ min: 0, max: 63 }),
      (any, shift) => {
        const value = any >> BigInt(shift);
        const bytes = long.toBuffer(value);
        expect(readBigVarint(bytes, 0)).toBe(value);
        const number = readVarint(bytes, 0);
        if (Number.isNaN(number)) expect(value >= 2n ** 52n || value < -(2n ** 52n)).toBe(true);
        else expect(BigInt(number)).toBe(value);
      },
    ),
  );
});
