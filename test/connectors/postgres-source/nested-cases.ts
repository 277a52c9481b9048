import { type TypeCase, bytes, dec, special, strings } from './type-case.ts';

/** Arrays, enums, domains, composites, and types of extensions. */
export const NESTED_CASES: readonly TypeCase[] = [
  {
    column: 'c_int4s',
    type: 'int[]',
    values: [
      ["'{}'", []],
      ["'{1,NULL,-3}'", [1, null, -3]],
      ["'{{1,2},{3,4}}'", special('{{1,2},{3,4}}')],
      ["'[0:1]={7,8}'", special('[0:1]={7,8}')],
    ],
  },
  {
    column: 'c_int8s',
    type: 'bigint[]',
    values: [["'{9223372036854775807,NULL}'", [9223372036854775807n, null]]],
  },
  {
    column: 'c_texts',
    type: 'text[]',
    values: [
      [
        `ARRAY['', 'a,b', 'c"d', 'e\\f', '{g}', 'NULL', 'null', NULL, ' x ', 'ü']`,
        ['', 'a,b', 'c"d', 'e\\f', '{g}', 'NULL', 'null', null, ' x ', 'ü'],
      ],
    ],
  },
  {
    column: 'c_floats',
    type: 'float8[]',
    values: [
      ["'{1,NaN,-Infinity,NULL}'", [1, Number.NaN, -Infinity, null]],
      ['array_fill(1, ARRAY[500])', Array.from({ length: 500 }, () => 1)],
    ],
  },
  {
    column: 'c_reals',
    type: 'real[]',
    values: [['array_fill(0.5, ARRAY[500])', Array.from({ length: 500 }, () => 0.5)]],
  },
  {
    column: 'c_numerics',
    type: 'numeric(10,2)[]',
    values: [
      ["'{1.5,NULL}'", [dec(150n, 2), null]],
      ["'{1.5,NaN}'", special('{1.50,NaN}')],
    ],
  },
  { column: 'c_bools', type: 'bool[]', values: [["'{t,f,NULL}'", [true, false, null]]] },
  {
    column: 'c_byteas',
    type: 'bytea[]',
    values: [[`ARRAY['\\x00ff'::bytea, '\\x', NULL]`, [bytes(0, 255), bytes(), null]]],
  },
  {
    column: 'c_timestamps',
    type: 'timestamptz[]',
    values: [
      ["'{2024-02-29 00:00:00+00,NULL}'", [1709164800000000n, null]],
      ["'{infinity}'", special('{infinity}')],
    ],
  },
  {
    column: 'c_boxes',
    type: 'box[]',
    values: [["'{(3,4),(1,2);(1,1),(0,0)}'", ['(3,4),(1,2)', '(1,1),(0,0)']]],
  },
  {
    column: 'c_points',
    type: 'point[]',
    values: [["array_fill('(0,0)'::point, ARRAY[100])", Array.from({ length: 100 }, () => ({ x: 0, y: 0 }))]],
  },
  { column: 'c_jsons', type: 'jsonb[]', values: [[`ARRAY['{"a": "b\\"c"}'::jsonb]`, ['{"a": "b\\"c"}']]] },
  {
    column: 'c_matrix',
    type: 'int[][]',
    values: [
      ["'{{1,2},{3,4}}'", '{{1,2},{3,4}}'],
      ["'{1}'", '{1}'],
    ],
  },
  { column: 'c_int2vector', type: 'int2vector', values: strings('1 2 3') },
  { column: 'c_mood', type: 'mood', values: strings('sad', 'so, so') },
  {
    column: 'c_moods',
    type: 'mood[]',
    values: [["ARRAY['so, so', NULL, 'happy']::mood[]", ['so, so', null, 'happy']]],
  },
  { column: 'c_price', type: 'price', values: [['12.5', dec(1250n, 2)]] },
  { column: 'c_small_price', type: 'small_price', values: [['99.99', dec(9999n, 2)]] },
  { column: 'c_prices', type: 'price[]', values: [["'{1,NULL}'", [dec(100n, 2), null]]] },
  { column: 'c_days', type: 'days', values: [["'{1970-01-02,NULL}'", [1, null]]] },
  {
    column: 'c_address',
    type: 'address',
    values: [[`ROW('Main "St", 1', NULL, '2024-01-01')`, '("Main ""St"", 1",,2024-01-01)']],
  },
  {
    column: 'c_addresses',
    type: 'address[]',
    values: [["ARRAY[ROW('a b', 1, NULL)::address]", ['("a b",1,)']]],
  },
  {
    column: 'c_hstore',
    type: 'hstore',
    values: [
      ["''", {}],
      [`'a=>1, b=>NULL, "c d"=>"e\\"f", ""=>""'`, { a: '1', b: null, 'c d': 'e"f', '': '' }],
    ],
  },
  { column: 'c_ltree', type: 'ltree', values: strings('top.science.astronomy') },
  { column: 'c_citext', type: 'citext', values: strings('MiXed') },
  { column: 'c_seg', type: 'seg', values: strings('1.5 .. 3') },
  { column: 'c_tsvector', type: 'tsvector', values: [["'a fat cat'", "'a' 'cat' 'fat'"]] },
  { column: 'c_tsquery', type: 'tsquery', values: [["'fat & rat'", "'fat' & 'rat'"]] },
  { column: 'c_pg_lsn', type: 'pg_lsn', values: strings('16/B374D848') },
  { column: 'c_regclass', type: 'regclass', values: [["'pg_class'", 'pg_class']] },
  { column: 'c_jsonpath', type: 'jsonpath', values: [["'$.a'", '$."a"']] },
  { column: 'c_txid', type: 'txid_snapshot', values: strings('10:20:10,14') },
  { column: 'c_xid8', type: 'xid8', values: strings('18446744073709551615') },
];
