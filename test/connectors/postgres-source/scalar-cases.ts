import { type TypeCase, bytes, dec, special, strings } from './type-case.ts';

export const SCALAR_CASES: readonly TypeCase[] = [
  {
    column: 'c_bool',
    type: 'boolean',
    values: [
      ['true', true],
      ['false', false],
    ],
  },
  {
    column: 'c_int2',
    type: 'smallint',
    values: [
      ['-32768', -32768],
      ['32767', 32767],
    ],
  },
  {
    column: 'c_int4',
    type: 'integer',
    values: [
      ['-2147483648', -2147483648],
      ['2147483647', 2147483647],
    ],
  },
  {
    column: 'c_int8',
    type: 'bigint',
    values: [
      ['-9223372036854775808', -9223372036854775808n],
      ['9223372036854775807', 9223372036854775807n],
      ['9007199254740993', 9007199254740993n],
    ],
  },
  {
    column: 'c_oid',
    type: 'oid',
    values: [
      ['0', 0n],
      ['4294967295', 4294967295n],
    ],
  },
  { column: 'c_xid', type: 'xid', values: [["'4294967295'", 4294967295n]] },
  {
    column: 'c_float4',
    type: 'real',
    values: [
      ['3.4028235e38', Math.fround(3.4028235e38)],
      ["'NaN'", Number.NaN],
      ["'-Infinity'", -Infinity],
      ['0.1', Math.fround(0.1)],
      ['1e-45', Math.fround(1e-45)],
    ],
  },
  {
    column: 'c_float8',
    type: 'double precision',
    values: [
      ['1.7976931348623157e308', 1.7976931348623157e308],
      ["'NaN'", Number.NaN],
      ["'Infinity'", Infinity],
      ['0.1', 0.1],
      ["'-0'", -0],
      ['5e-324', 5e-324],
      ['0.30000000000000004', 0.30000000000000004],
    ],
  },
  {
    column: 'c_numeric_12_2',
    type: 'numeric(12,2)',
    values: [
      ['9999999999.99', dec(999999999999n, 2)],
      ['-0.01', dec(-1n, 2)],
      ["'NaN'", special('NaN')],
      ['0', dec(0n, 2)],
    ],
  },
  {
    column: 'c_numeric_38',
    type: 'numeric(38,10)',
    values: [['-9999999999999999999999999999.9999999999', dec(-99999999999999999999999999999999999999n, 10)]],
  },
  {
    column: 'c_numeric_3_m2',
    type: 'numeric(3,-2)',
    values: [
      ['12345', dec(12300n, 0)],
      ['-99900', dec(-99900n, 0)],
    ],
  },
  {
    column: 'c_numeric_2_4',
    type: 'numeric(2,4)',
    values: [
      ['0.00987', dec(99n, 4)],
      ['-0.0001', dec(-1n, 4)],
    ],
  },
  { column: 'c_numeric_1000_900', type: 'numeric(1000,900)', values: [['1.5', `1.5${'0'.repeat(899)}`]] },
  {
    column: 'c_numeric',
    type: 'numeric',
    values: [
      [
        '12345678901234567890.123456789012345678901234567890',
        '12345678901234567890.123456789012345678901234567890',
      ],
      ["'NaN'", 'NaN'],
      ["'-Infinity'", '-Infinity'],
      ["'1e131071'", `1${'0'.repeat(131_071)}`],
    ],
  },
  {
    column: 'c_money',
    type: 'money',
    values: [
      ["'1234.56'", dec(123456n, 2)],
      ["'-0.05'", dec(-5n, 2)],
      ["'-92233720368547758.08'", dec(-9223372036854775808n, 2)],
    ],
  },
  { column: 'c_text', type: 'text', values: strings('', 'Grüße \u{1F30A}', 'a,b "c" \\ NULL') },
  { column: 'c_varchar', type: 'varchar(10)', values: strings('', 'zehn \u{1F600}') },
  {
    column: 'c_char',
    type: 'char(5)',
    values: [
      ["'ab'", 'ab   '],
      ["''", '     '],
    ],
  },
  { column: 'c_name', type: 'name', values: strings('a name') },
  { column: 'c_qchar', type: '"char"', values: strings('x') },
  {
    column: 'c_bytea',
    type: 'bytea',
    values: [
      ["'\\x'", bytes()],
      ["'\\x00ff5c27'", bytes(0, 255, 0x5c, 0x27)],
    ],
  },
  {
    column: 'c_uuid',
    type: 'uuid',
    values: [["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  },
  {
    column: 'c_json',
    type: 'json',
    values: strings('{"b" : 12345678901234567890, "a":1, "a":2}', 'null', '[]'),
  },
  {
    column: 'c_jsonb',
    type: 'jsonb',
    values: [['\'{"b":12345678901234567890,"a":1.10}\'', '{"a": 1.10, "b": 12345678901234567890}']],
  },
  { column: 'c_xml', type: 'xml', values: strings('<a b="c">d</a>') },
  {
    column: 'c_date',
    type: 'date',
    values: [
      ["'1970-01-01'", 0],
      ["'2024-02-29'", 19782],
      ["'0044-03-15 BC'", -735160],
      ["'5874897-12-31'", 2145042905],
      ["'infinity'", special('infinity')],
      ["'-infinity'", special('-infinity')],
    ],
  },
  {
    column: 'c_time',
    type: 'time',
    values: [
      ["'00:00:00'", 0n],
      ["'23:59:59.999999'", 86399999999n],
      ["'24:00:00'", special('24:00:00')],
      ["'23:59:60'", special('24:00:00')],
    ],
  },
  {
    column: 'c_timetz',
    type: 'timetz',
    values: strings('12:00:00+05:30', '23:59:59.5-15:59', '24:00:00+00'),
  },
  {
    column: 'c_timestamp',
    type: 'timestamp',
    values: [
      ["'2024-02-29 12:34:56.789012'", 1709210096789012n],
      ["'0044-03-15 12:00:00 BC'", -63517780800000000n],
      ["'294246-12-31 23:59:59.999999'", 9223371244799999999n],
      ["'294276-12-31 23:59:59.999999'", special('294276-12-31 23:59:59.999999')],
      ["'infinity'", special('infinity')],
      ["'2016-12-31 23:59:60'", 1483228800000000n],
    ],
  },
  {
    column: 'c_timestamptz',
    type: 'timestamptz',
    values: [
      ["'2024-02-29 12:34:56.789012+05:45'", 1709189396789012n],
      ["'-infinity'", special('-infinity')],
      ["'0001-01-01 00:00:00+00 BC'", -62167219200000000n],
    ],
  },
  {
    column: 'c_interval',
    type: 'interval',
    values: [
      ["'1 year 2 months 3 days 04:05:06.789'", 'P1Y2M3DT4H5M6.789S'],
      ["'-1 day -00:00:00.000001'", 'P-1DT-0.000001S'],
      ["'0'", 'PT0S'],
    ],
  },
  {
    column: 'c_bit',
    type: 'bit',
    values: [
      ["B'1'", true],
      ["B'0'", false],
    ],
  },
  { column: 'c_bit5', type: 'bit(5)', values: [["B'10110'", '10110']] },
  {
    column: 'c_varbit',
    type: 'varbit',
    values: [
      ["B''", ''],
      ["B'0001'", '0001'],
    ],
  },
  { column: 'c_inet', type: 'inet', values: strings('192.168.0.1/24', '::1') },
  { column: 'c_cidr', type: 'cidr', values: strings('10.0.0.0/8') },
  { column: 'c_macaddr', type: 'macaddr', values: strings('08:00:2b:01:02:03') },
  { column: 'c_macaddr8', type: 'macaddr8', values: strings('08:00:2b:01:02:03:04:05') },
  {
    column: 'c_point',
    type: 'point',
    values: [
      ["'(1.5,-2)'", { x: 1.5, y: -2 }],
      ["'(NaN,Infinity)'", { x: Number.NaN, y: Infinity }],
    ],
  },
  { column: 'c_line', type: 'line', values: strings('{1,2,3}') },
  { column: 'c_lseg', type: 'lseg', values: strings('[(1,2),(3,4)]') },
  { column: 'c_box', type: 'box', values: strings('(3,4),(1,2)') },
  { column: 'c_path', type: 'path', values: strings('[(1,2),(3,4)]') },
  { column: 'c_polygon', type: 'polygon', values: strings('((0,0),(1,1),(2,0))') },
  { column: 'c_circle', type: 'circle', values: strings('<(1,2),3>') },
  {
    column: 'c_int4range',
    type: 'int4range',
    values: [
      ["'(1,5]'", '[2,6)'],
      ["'empty'", 'empty'],
      ["'(,)'", '(,)'],
    ],
  },
  {
    column: 'c_tstzrange',
    type: 'tstzrange',
    values: [["'[2024-01-01 00:00+00,)'", '["2024-01-01 00:00:00+00",)']],
  },
  {
    column: 'c_int4multirange',
    type: 'int4multirange',
    values: [
      ["'{[1,3),[5,8)}'", '{[1,3),[5,8)}'],
      ["'{}'", '{}'],
    ],
  },
];
