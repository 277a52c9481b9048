import type { AvroField, AvroRecord } from '../../../schemas/avro-schema.ts';
import { CHANGE_EVENT_FIELDS, cdcTopicName } from '../../../schemas/change-event.ts';
import { TABLE_CONFIG } from '../../../schemas/topic.ts';

export const PREFIX = 'chaos';

/** As long as the scenario runs, and longer. */
const UNCOMPACTED = { ...TABLE_CONFIG, 'min.compaction.lag.ms': '86400000' };
/** Compaction leaves gaps between offsets while the sink is on its way. */
const COMPACTED = { ...TABLE_CONFIG, 'segment.ms': '5000', 'min.cleanable.dirty.ratio': '0.01' };

type KeyValue = string | bigint | number;

/** A table of the target, and the topic that fills it. */
export interface SinkTable {
  readonly name: string;
  /** In Kafka. */
  readonly topic: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
  readonly keySchema: AvroRecord;
  readonly valueSchema: AvroRecord;
  readonly columnsSql: string;
  /**
   * Some rows come without their `body`, as from a table whose large values the source does not know. Not where the topic is
   * compacted meanwhile, which may leave only such a record.
   */
  readonly hasUnchanged: boolean;
  /** The key of a row number. */
  readonly key: (id: number) => Readonly<Record<string, KeyValue>>;
  /** {@link keyText} in SQL, of a row of that name. */
  readonly keySql: (row: string) => string;
}

const LONG: AvroField['type'] = 'long';

const value = (key: readonly AvroField[]): readonly AvroField[] => [
  ...key,
  { name: 'version', type: ['null', LONG], default: null, 'pg.type': 'bigint' },
  { name: 'amount', type: ['null', LONG], default: null, 'pg.type': 'bigint' },
  { name: 'body', type: ['null', 'string'], default: null, 'pg.type': 'text' },
  ...CHANGE_EVENT_FIELDS,
];

function sinkTable(
  name: string,
  key: readonly (AvroField & { readonly 'pg.type': string })[],
  parts: Pick<SinkTable, 'partitions' | 'hasUnchanged' | 'key'>,
): SinkTable {
  const columns = key.map((column) => `${column.name} ${column['pg.type']}`);
  const names = key.map((column) => column.name);
  return {
    ...parts,
    name,
    topic: cdcTopicName(PREFIX, 'public', name),
    config: parts.hasUnchanged ? UNCOMPACTED : COMPACTED,
    keySchema: { type: 'record', name: 'Key', namespace: `chaos.${name}`, fields: key },
    valueSchema: { type: 'record', name: 'Value', namespace: `chaos.${name}`, fields: value(key) },
    columnsSql: `${columns.join(', ')}, version bigint, amount bigint, body text, PRIMARY KEY (${names.join(', ')})`,
    keySql: (row) => names.map((column) => `${row}.${column}`).join(` || '/' || `),
  };
}

const REGIONS = 7;

export const TABLES: readonly SinkTable[] = [
  sinkTable('accounts', [{ name: 'id', type: 'long', 'pg.type': 'bigint' }], {
    partitions: 4,
    hasUnchanged: false,
    key: (id) => ({ id: BigInt(id) }),
  }),
  sinkTable(
    'orders',
    [
      { name: 'region', type: 'string', 'pg.type': 'text' },
      { name: 'number', type: 'int', 'pg.type': 'integer' },
    ],
    {
      partitions: 3,
      hasUnchanged: true,
      key: (id) => ({ region: `region ${id % REGIONS}`, number: id }),
    },
  ),
  sinkTable('notes', [{ name: 'name', type: 'string', 'pg.type': 'text' }], {
    partitions: 2,
    hasUnchanged: true,
    key: (id) => ({ name: `note ${id}` }),
  }),
];

/** A key as the log of applied rows and comparisons have it. */
export const keyText = (table: SinkTable, id: number): string => Object.values(table.key(id)).join('/');
