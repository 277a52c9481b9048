import { type Random, pick, whole } from '../fault-lane.ts';
import { literal } from '../../../connectors/postgres-source/wire/sql-text.ts';
import type { ChaosColumn } from './chaos-table.ts';

const WORDS = [
  '',
  'plain',
  "it's",
  'tab\there',
  'line\nend',
  'grüße',
  '日本',
  '🚀',
  '\\x41',
  '{"a":1}',
  'NULL',
  '%s',
];
const NULL_SHARE = 0.15;
/** 32 characters each: beyond what Postgres keeps in the row. */
const BODY_PARTS = { from: 80, to: 250 };

/** SQL of a random value of the column's type. */
export function randomSql(random: Random, { name, type, isNullable }: ChaosColumn): string {
  if (isNullable && random() < NULL_SHARE) return 'NULL';
  if (name.startsWith('body')) return bodySql(random);
  switch (type) {
    case 'bigint':
      return `'${pick(random, ['9223372036854775807', '-9223372036854775808', '0', String(whole(random, 2 ** 50))])}'::bigint`;
    case 'integer':
      return `'${pick(random, ['2147483647', '-2147483648', String(whole(random, 1_000))])}'::int`;
    case 'numeric(12,2)':
      return `'${(random() * 2e10 - 1e10).toFixed(2)}'::numeric`;
    case 'boolean':
      return random() < 0.5 ? 'true' : 'false';
    case 'double precision':
      return `'${pick(random, ['NaN', 'Infinity', '-0', '1e-300', String(random() * 1e21)])}'::float8`;
    case 'date':
      return `date '2020-01-01' + ${whole(random, 20_000) - 10_000}`;
    case 'timestamp with time zone':
    case 'timestamp without time zone':
      return `timestamp '2020-01-01' + interval '1 microsecond' * ${whole(random, 2 ** 48)}`;
    case 'jsonb':
      return `jsonb_build_object('k', ${textSql(random)}, 'n', ${whole(random, 2 ** 40)})`;
    case 'bytea':
      return `decode('${whole(random, 2 ** 32)
        .toString(16)
        .padStart(8, '0')}00ff', 'hex')`;
    case 'text[]':
      return `ARRAY[${textSql(random)}, NULL, ${textSql(random)}]::text[]`;
    default:
      return textSql(random);
  }
}

function textSql(random: Random): string {
  return literal(`${pick(random, WORDS)}${whole(random, 1_000)}`);
}

/** Unlike any other, and stored out of line. */
function bodySql(random: Random): string {
  const parts = BODY_PARTS.from + whole(random, BODY_PARTS.to - BODY_PARTS.from);
  return `(SELECT string_agg(md5('${random()}' || i), '') FROM generate_series(1, ${parts}) i)`;
}
