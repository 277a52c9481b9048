import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import type { IncompatibilityType } from '../../../schemas/contract/compatibility.ts';

/** Two schemas, and what stands in the way of reading the one as the other. */
export interface CompatibilityCase {
  readonly name: string;
  readonly before: AvroSchema;
  readonly now: AvroSchema;
  /** The new schema reads what the old one wrote. */
  readonly backward: readonly IncompatibilityType[];
  /** The old schema reads what the new one writes. */
  readonly forward: readonly IncompatibilityType[];
  /** The registry takes both ways: it does not look at what values mean, nor at namespaces. */
  readonly isRegistryLax?: boolean;
}

/** JSON as it is in files: also what the types of our own schemas do not have, such as aliases. */
const json = (schema: unknown): AvroSchema => schema as AvroSchema;

const row = (...fields: readonly unknown[]): AvroSchema =>
  json({ type: 'record', name: 'Row', namespace: 'shop', fields });

const a = (type: unknown, rest: object = {}): object => ({ name: 'a', type, ...rest });
const ID = { name: 'id', type: 'long' };

/** A field `a` of one type, then of another. */
const types = (
  name: string,
  before: unknown,
  now: unknown,
  backward: readonly IncompatibilityType[] = [],
  forward: readonly IncompatibilityType[] = [],
): CompatibilityCase => ({ name, before: row(a(before)), now: row(a(now)), backward, forward });

const lax = (one: CompatibilityCase): CompatibilityCase => ({ ...one, isRegistryLax: true });

const decimal = (precision: number, scale: number): object => ({
  type: 'bytes',
  logicalType: 'decimal',
  precision,
  scale,
});
const long = (logicalType: string): object => ({ type: 'long', logicalType });
const colour = (symbols: readonly string[], rest: object = {}): object => ({
  type: 'enum',
  name: 'Colour',
  symbols,
  ...rest,
});
const fixed = (size: number): object => ({ type: 'fixed', name: 'Hash', size });
const line = (...fields: readonly unknown[]): object => ({ type: 'record', name: 'Line', fields });
const tree = (...more: readonly unknown[]): AvroSchema =>
  json({
    type: 'record',
    name: 'Tree',
    namespace: 'shop',
    fields: [{ name: 'next', type: ['null', 'Tree'] }, ...more],
  });
const MISSING = ['READER_FIELD_MISSING_DEFAULT_VALUE'] as const;
const TYPE = ['TYPE_MISMATCH'] as const;
const LOGICAL = ['LOGICAL_TYPE_MISMATCH'] as const;
const SYMBOLS = ['MISSING_ENUM_SYMBOLS'] as const;
const BRANCH = ['MISSING_UNION_BRANCH'] as const;

export const CASES: readonly CompatibilityCase[] = [
  types('the same', 'int', 'int'),
  {
    name: 'a field with a default comes',
    before: row(ID),
    now: row(ID, a('int', { default: 1 })),
    backward: [],
    forward: [],
  },
  {
    name: 'a field without one comes',
    before: row(ID),
    now: row(ID, a('int')),
    backward: MISSING,
    forward: [],
  },
  {
    name: 'a nullable field without one comes',
    before: row(ID),
    now: row(ID, a(['null', 'int'])),
    backward: MISSING,
    forward: [],
  },
  {
    name: 'a field goes that has none',
    before: row(ID, a('int')),
    now: row(ID),
    backward: [],
    forward: MISSING,
  },
  {
    name: 'a field is renamed',
    before: row(ID, a('int')),
    now: row(ID, { name: 'b', type: 'int' }),
    backward: MISSING,
    forward: MISSING,
  },
  {
    name: 'a field is renamed, with an alias',
    before: row(ID, a('int')),
    now: row(ID, { name: 'b', type: 'int', aliases: ['a'] }),
    backward: [],
    forward: MISSING,
  },
  {
    name: 'fields change places',
    before: row(ID, a('int')),
    now: row(a('int'), ID),
    backward: [],
    forward: [],
  },
  types('int to long', 'int', 'long', [], TYPE),
  types('long to double', 'long', 'double', [], TYPE),
  types('float to int', 'float', 'int', TYPE, []),
  types('string to bytes', 'string', 'bytes'),
  types('int to string', 'int', 'string', TYPE, TYPE),
  types('nullable at last', 'string', ['null', 'string'], [], TYPE),
  types('a union gets a branch', ['null', 'string'], ['null', 'string', 'long'], [], BRANCH),
  types('another branch', ['null', 'boolean'], ['null', 'string'], BRANCH, BRANCH),
  types('a branch is widened', ['null', 'int'], ['null', 'double'], [], BRANCH),
  types('an enum gets a symbol', colour(['RED']), colour(['RED', 'BLUE']), [], SYMBOLS),
  types(
    'an enum with a default gets one',
    colour(['RED'], { default: 'RED' }),
    colour(['RED', 'BLUE'], { default: 'RED' }),
  ),
  types('a fixed grows', fixed(4), fixed(8), ['FIXED_SIZE_MISMATCH'], ['FIXED_SIZE_MISMATCH']),
  types('items are widened', { type: 'array', items: 'int' }, { type: 'array', items: 'long' }, [], TYPE),
  types('values are others', { type: 'map', values: 'int' }, { type: 'map', values: 'string' }, TYPE, TYPE),
  types('an array to a map', { type: 'array', items: 'int' }, { type: 'map', values: 'int' }, TYPE, TYPE),
  types('inside a record', ['null', line(ID)], ['null', line(ID, a('int'))], MISSING, []),
  {
    name: 'inside a record that holds itself',
    before: tree(),
    now: tree(a('int')),
    backward: MISSING,
    forward: [],
  },
  types('more digits', decimal(12, 4), decimal(18, 4)),
  lax(types('another scale', decimal(12, 4), decimal(12, 2), LOGICAL, LOGICAL)),
  lax(types('another unit of time', long('timestamp-millis'), long('timestamp-micros'), LOGICAL, LOGICAL)),
  lax(
    types(
      'a time that becomes a number',
      ['null', long('timestamp-micros')],
      ['null', 'long'],
      LOGICAL,
      LOGICAL,
    ),
  ),
  types('a uuid', 'string', { type: 'string', logicalType: 'uuid' }),
  types(
    'another enum',
    colour(['RED']),
    { ...colour(['RED']), name: 'Hue' },
    ['NAME_MISMATCH'],
    ['NAME_MISMATCH'],
  ),
  lax(
    types(
      'another namespace',
      line(ID),
      { ...line(ID), namespace: 'stock' },
      ['NAME_MISMATCH'],
      ['NAME_MISMATCH'],
    ),
  ),
];
