import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columnCodec } from '../../../../connectors/postgres-source/types/type-codec.ts';
import { codecUnder, decodedBy } from '../encoded-column.ts';

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
  money: 790,
  bit: 1560,
  point: 600,
  xid: 28,
  numeric: 1700,
  uuid: 2950,
} as const;

/** atttypmod of numeric(precision, scale). */
const numeric = (precision: number, scale: number): number => ((precision << 16) | (scale & 0x7ff)) + 4;

const through = (oid: number, text: string, typmod = -1): unknown =>
  decodedBy(columnCodec({ oid, typmod }), text);

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
  ['bytea', String.raw`a\\b\000\377'`, Buffer.from([0x61, 0x5c, 0x62, 0, 255, 0x27])],
  ['numeric', '12345678901234567890.5', '12345678901234567890.5'],
  ['xid', '4294967295', 4294967295n],
  ['money', '$0.05', { unscaled: 5n, scale: 2 }],
  ['money', '-$1,234.56', { unscaled: -123456n, scale: 2 }],
  ['money', '-$92,233,720,368,547,758.08', { unscaled: -9223372036854775808n, scale: 2 }],
  ['point', '(1.5,-2e-07)', { x: 1.5, y: -2e-7 }],
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

test('a single bit is a boolean, more of them are text', () => {
  expect(through(OID.bit, '1', 1)).toBe(true);
  expect(through(OID.bit, '0', 1)).toBe(false);
  expect(through(OID.bit, '101', 3)).toBe('101');
});

const NUMERIC_5_2 = { oid: OID.numeric, typmod: numeric(5, 2) };

test.each<[keyof typeof OID, string, unknown]>([
  ['date', 'infinity', 2_932_896],
  ['date', '-infinity', -719_162],
  ['date', '0044-03-15 BC', -719_162],
  ['date', '5874897-12-31', 2_932_896],
  ['date', '2000-02-29', 11016],
  ['time', '24:00:00', 86_399_999_999n],
  ['timestamp', 'infinity', 253_402_300_799_999_999n],
  ['timestamptz', '-infinity', -62_135_596_800_000_000n],
  ['timestamp', '0001-12-31 23:59:59 BC', -62_135_596_800_000_000n],
  ['timestamp', '294276-12-31 23:59:59.999999', 253_402_300_799_999_999n],
  ['timestamp', '9999-12-31 23:59:59.999999', 253_402_300_799_999_999n],
  ['timestamptz', '2024-02-29 12:34:56.789012+00', 1709210096789012n],
])('S122 clamp: %s %s is the nearest value that readers hold', (type, text, value) => {
  expect(decodedBy(codecUnder({ oid: OID[type], typmod: -1 }, { special: 'clamp' }), text)).toEqual(value);
});

test('S122 clamp: a decimal that is too large is the largest, and NaN has no nearest value', () => {
  const rule = { special: 'clamp', as: { kind: 'decimal', precision: 5, scale: 2 } } as const;
  const codec = codecUnder({ oid: OID.numeric, typmod: -1 }, rule);
  expect(decodedBy(codec, 'Infinity')).toEqual({ unscaled: 99999n, scale: 2 });
  expect(decodedBy(codec, '-1000')).toEqual({ unscaled: -99999n, scale: 2 });
  expect(decodedBy(codec, '-999.9')).toEqual({ unscaled: -99990n, scale: 2 });
  expect(decodedBy(codec, 'NaN')).toBe('special');
  expect(decodedBy(codec, '0.001')).toBe('special');
});

test('S122 string: a column whose type has such values is its text, every other keeps its type', () => {
  const avro = (oid: number): unknown => codecUnder({ oid, typmod: -1 }, { special: 'string' }).avro;
  for (const oid of [OID.date, OID.time, OID.timestamp, OID.timestamptz]) expect(avro(oid)).toBe('string');
  expect(codecUnder(NUMERIC_5_2, { special: 'string' }).avro).toBe('string');
  expect([avro(OID.int4), avro(OID.float8), avro(OID.bytea)]).toEqual(['int', 'double', 'bytes']);
  expect(decodedBy(codecUnder({ oid: OID.date, typmod: -1 }, { special: 'string' }), 'infinity')).toBe(
    'infinity',
  );
});

test('S122 error: such a value is refused by the name of its column, without the value', () => {
  const codec = codecUnder({ oid: OID.date, typmod: -1 }, { special: 'error' });
  expect(decodedBy(codec, '1970-01-02')).toBe(1);
  const refused = expect.objectContaining({ code: 'source.special_value', order: 'stop' });
  expect(() => decodedBy(codec, 'infinity')).toThrow(refused);
  expect(() => decodedBy(codec, 'infinity')).toThrow(/column public\.t\.c has/);
});

test('a rule gives a column another Avro type, and one that does not fit its type is refused', () => {
  const decimal = codecUnder(
    { oid: OID.numeric, typmod: -1 },
    { as: { kind: 'decimal', precision: 38, scale: 6 } },
  );
  expect(decodedBy(decimal, '-1.5')).toEqual({ unscaled: -1_500_000n, scale: 6 });
  expect(decodedBy(decimal, '1.1234567')).toBe('special');
  expect(decodedBy(decimal, `1${'0'.repeat(32)}`)).toBe('special');
  expect(decodedBy(decimal, `1${'0'.repeat(31)}`)).toEqual({ unscaled: 10n ** 37n, scale: 6 });
  expect(decodedBy(codecUnder({ oid: OID.numeric, typmod: -1 }, { as: { kind: 'double' } }), '0.1')).toBe(
    0.1,
  );
  const utc = codecUnder({ oid: OID.timestamp, typmod: -1 }, { as: { kind: 'timestamp-micros' } });
  expect(utc.avro).toEqual({ type: 'long', logicalType: 'timestamp-micros' });
  const refused = expect.objectContaining({ code: 'source.column_rule', order: 'stop' });
  expect(() => codecUnder({ oid: OID.text, typmod: -1 }, { as: { kind: 'record' } })).toThrow(refused);
});

test('every double arrives as it is', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      expect(through(OID.float8, Object.is(value, -0) ? '-0' : String(value))).toBe(value);
    }),
    { numRuns: 2000 },
  );
});

test('every decimal notation reads as the nearest double', () => {
  const part = fc.stringMatching(/^[0-9]{1,12}$/);
  const notation = fc.tuple(
    fc.constantFrom('', '-'),
    part,
    fc.option(part),
    fc.option(fc.integer({ min: -40, max: 40 })),
  );
  fc.assert(
    fc.property(notation, ([sign, whole, places, power]) => {
      const text = `${sign}${whole}${places === null ? '' : `.${places}`}${power === null ? '' : `e${power < 0 ? '' : '+'}${power}`}`;
      expect(through(OID.float8, text)).toBe(Number(text));
      expect(through(OID.float4, text)).toBe(Math.fround(Number(text)));
    }),
    { numRuns: 2000 },
  );
});

test('all bytes arrive, from hex and from escapes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (value) => {
      const expected = Buffer.from(value);
      expect(through(OID.bytea, String.raw`\x${expected.toString('hex')}`)).toEqual(expected);
      const escaped = Array.from(value, (byte) => {
        if (byte === 0x5c) return String.raw`\\`;
        const printable = byte >= 0x20 && byte < 0x7f;
        return printable ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
      });
      expect(through(OID.bytea, escaped.join(''))).toEqual(expected);
    }),
  );
});

test('every amount of money arrives', () => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (unscaled) => {
      const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(3, '0');
      const grouped = digits.slice(0, -2).replaceAll(/\B(?=(\d{3})+$)/g, ',');
      const text = `${unscaled < 0n ? '-' : ''}$${grouped}.${digits.slice(-2)}`;
      expect(through(OID.money, text)).toEqual({ unscaled, scale: 2 });
    }),
  );
});

test('every day that a JavaScript Date knows arrives, before Christ too', () => {
  fc.assert(
    fc.property(fc.integer({ min: -2_440_588, max: 100_000_000 }), (days) => {
      const [, sign, year, rest] =
        /^([+-]?)(\d+)(-.*)T/.exec(new Date(days * 86_400_000).toISOString()) ?? [];
      const bc = sign === '-' || Number(year) === 0;
      const printed = bc ? 1 + Number(year) : Number(year);
      expect(through(OID.date, `${String(printed).padStart(4, '0')}${rest}${bc ? ' BC' : ''}`)).toBe(days);
    }),
  );
});
