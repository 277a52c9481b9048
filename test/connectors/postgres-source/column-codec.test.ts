import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columnCodec } from '../../../connectors/postgres-source/column-codec.ts';
import { compileType } from '../../../schemas/serde/avro-type.ts';

const OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  float4: 700,
  float8: 701,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
} as const;

/** atttypmod of numeric(precision, scale). */
const numeric = (precision: number, scale: number): number => ((precision << 16) | (scale & 0x7ff)) + 4;

/** The value that avsc reads from what the codec writes, or `special`. */
function through(oid: number, text: string, typmod = -1): unknown {
  const codec = columnCodec({ oid, typmod });
  // The text stands in the middle of other bytes, as it does on the wire.
  const source = Buffer.from(`9${text}9`);
  const out = Buffer.alloc(source.length + 64, 0xff);
  const end = codec.write(out, 3, source, 1, source.length - 1);
  return end < 0 ? 'special' : compileType(codec.avro).fromBuffer(out.subarray(3, end));
}

test.each<[keyof typeof OID, string, unknown]>([
  ['bool', 't', true],
  ['bool', 'f', false],
  ['int2', '-32768', -32768],
  ['int4', '2147483647', 2147483647],
  ['int4', '-2147483648', -2147483648],
  ['int4', '0', 0],
  ['int8', '9223372036854775807', 9223372036854775807n],
  ['int8', '-9223372036854775808', -9223372036854775808n],
  ['int8', '9007199254740993', 9007199254740993n],
  ['int8', '-1', -1n],
  ['oid', '4294967295', 4294967295n],
  ['float4', '3.4028235e+38', 3.4028234663852886e38],
  ['float8', '-2.2250738585072014e-308', -2.2250738585072014e-308],
  ['float8', 'NaN', Number.NaN],
  ['float8', '-Infinity', Number.NEGATIVE_INFINITY],
  ['date', '1970-01-01', 0],
  ['date', '1969-12-31', -1],
  ['date', '2000-02-29', 11016],
  ['date', '0001-01-01', -719162],
  ['date', '0001-12-31 BC', -719163],
  ['date', '4714-11-24 BC', -2440588],
  ['date', '5874897-12-31', 2145042905],
  ['date', 'infinity', 'special'],
  ['date', '-infinity', 'special'],
  ['time', '00:00:00', 0n],
  ['time', '23:59:59.999999', 86399999999n],
  ['time', '12:34:56.7', 45296700000n],
  ['time', '24:00:00', 'special'],
  ['timestamp', '1970-01-01 00:00:00', 0n],
  ['timestamp', '1969-12-31 23:59:59.999999', -1n],
  ['timestamp', '2024-02-29 12:34:56.789012', 1709210096789012n],
  ['timestamptz', '2024-02-29 12:34:56.789012+00', 1709210096789012n],
  ['timestamptz', '2024-02-29 12:34:56+00', 1709210096000000n],
  ['timestamptz', '0044-03-15 12:00:00.5+00 BC', -63517780799500000n],
  ['timestamp', '4714-11-24 00:00:00 BC', -210866803200000000n],
  ['timestamp', '4714-11-24 00:00:00.000001 BC', -210866803199999999n],
  ['timestamp', '294246-12-31 23:59:59.999999', 9223371244799999999n],
  ['timestamp', '294276-12-31 23:59:59.999999', 'special'],
  ['timestamp', 'infinity', 'special'],
  ['timestamptz', '-infinity', 'special'],
  ['uuid', '0189d0f0-0000-7000-8000-000000000001', '0189d0f0-0000-7000-8000-000000000001'],
  ['bytea', String.raw`\x`, Buffer.alloc(0)],
  ['bytea', String.raw`\x00ff9aBC`, Buffer.from([0, 255, 0x9a, 0xbc])],
  ['text', '', ''],
  ['text', 'Grüße \u{1F30A} und ein längerer Text dazu', 'Grüße \u{1F30A} und ein längerer Text dazu'],
  ['numeric', '12345678901234567890.5', '12345678901234567890.5'],
])('%s %s arrives exactly', (type, text, value) => {
  expect(through(OID[type], text)).toEqual(value);
});

test.each<[number, number, string, bigint | null, number]>([
  [12, 2, '0.00', 0n, 2],
  [12, 2, '-0.01', -1n, 2],
  [12, 2, '1.27', 127n, 2],
  [12, 2, '1.28', 128n, 2],
  [12, 2, '-1.28', -128n, 2],
  [12, 2, '-1.29', -129n, 2],
  [12, 2, '9999999999.99', 999999999999n, 2],
  [15, 0, '-999999999999999', -999999999999999n, 0],
  [16, 0, '9999999999999999', 9999999999999999n, 0],
  [38, 10, '-9999999999999999999999999999.9999999999', -99999999999999999999999999999999999999n, 10],
  [38, 0, '170141183460469231731687303715884105728'.slice(0, 38), 17014118346046923173168730371588410572n, 0],
  [3, -2, '12300', 12300n, 0],
  [3, 5, '0.00123', 123n, 5],
  [12, 2, 'NaN', null, 2],
  [12, 2, '1.234', null, 2],
])('numeric(%i,%i) %s is an exact decimal', (precision, scale, text, unscaled, avroScale) => {
  const expected = unscaled === null ? 'special' : { unscaled, scale: avroScale };
  expect(through(OID.numeric, text, numeric(precision, scale))).toEqual(expected);
});

test('a decimal wider than readers take, and one without a declared scale, keep their text', () => {
  expect(columnCodec({ oid: OID.numeric, typmod: numeric(39, 2) }).avro).toBe('string');
  expect(columnCodec({ oid: OID.numeric, typmod: -1 }).avro).toBe('string');
});

test('every int8 arrives', () => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
      expect(through(OID.int8, String(value))).toBe(value);
    }),
  );
});

test('every numeric(20,6) arrives', () => {
  fc.assert(
    fc.property(fc.bigInt(-(10n ** 20n) + 1n, 10n ** 20n - 1n), (unscaled) => {
      const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(7, '0');
      const text = `${unscaled < 0n ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`;
      expect(through(OID.numeric, text, numeric(20, 6))).toEqual({ unscaled, scale: 6 });
    }),
  );
});

test('every microsecond that a JavaScript Date knows arrives', () => {
  const range = {
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  };
  fc.assert(
    fc.property(fc.date(range), fc.integer({ min: 0, max: 999 }), (date, micros) => {
      const text = `${date.toISOString().slice(0, -1).replace('T', ' ')}${String(micros).padStart(3, '0')}`;
      expect(through(OID.timestamp, text)).toBe(BigInt(date.getTime()) * 1000n + BigInt(micros));
    }),
  );
});
