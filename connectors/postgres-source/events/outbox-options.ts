import { z } from 'zod';
import { Failure } from '../../../infra/process/failure.ts';
import type { OptionSpecs, Options } from '../../../infra/process/options.ts';
import { requiredText } from '../../../infra/process/role-options.ts';
import { type MessageFilter, messageFilter } from './message-filter.ts';
import { type FilterOptions, policyOf } from '../shapes/source-filter.ts';

/** What is done with an event whose aggregate type has no topic. */
const UNKNOWN_TYPE = ['unrouted', 'create', 'stop'] as const;
export type UnknownTypePolicy = (typeof UNKNOWN_TYPE)[number];

/** What stands where in an outbox row, by column name. The defaults are Debezium's. */
export interface OutboxColumns {
  readonly id: string;
  /** The event is routed by it. */
  readonly aggregateType: string;
  /** Becomes the Kafka key. */
  readonly aggregateId: string;
  readonly type: string;
  readonly payload: string;
}

/** A further column that goes along as a header. */
export interface HeaderColumn {
  readonly column: string;
  readonly header: string;
}

export interface OutboxOptions {
  /** `schema.table`; null when events come as logical messages only. */
  readonly table: string | null;
  /** Those whose topics are made at the start. */
  readonly aggregateTypes: readonly string[];
  readonly unknownType: UnknownTypePolicy;
  /** Topic name with {@link ROUTED_BY_VALUE} in it; null for `<prefix>.outbox.event.<aggregate type>`. */
  readonly topic: string | null;
  readonly columns: OutboxColumns;
  readonly headers: readonly HeaderColumn[];
  /** An update of an outbox row is no event. */
  readonly onUpdate: 'warn' | 'stop';
  /** Prefix of logical messages that are events. */
  readonly messagePrefix: string;
}

/** Stands for the aggregate type in a topic name, as in Debezium's `route.topic.replacement`. */
export const ROUTED_BY_VALUE = '${routedByValue}';

const COLUMNS: Readonly<Record<string, keyof OutboxColumns>> = {
  id: 'id',
  aggregatetype: 'aggregateType',
  aggregateid: 'aggregateId',
  type: 'type',
  payload: 'payload',
};

const items = z
  .string()
  .default('')
  .transform((list) => list.split(',').map((item) => item.trim()))
  .transform((list) => list.filter((item) => item !== ''));

const columns = items.transform((list, context): OutboxColumns => {
  const names = {
    id: 'id',
    aggregateType: 'aggregatetype',
    aggregateId: 'aggregateid',
    type: 'type',
    payload: 'payload',
  };
  for (const item of list) {
    const [field = '', column = ''] = item.split('=', 2);
    const known = Object.hasOwn(COLUMNS, field) ? COLUMNS[field] : undefined;
    if (known === undefined || column === '')
      context.addIssue(`${item} is not one of ${Object.keys(COLUMNS).join(', ')}, = and a column`);
    else names[known] = column;
  }
  return names;
});

const headers = items.transform((list): HeaderColumn[] =>
  list.map((item) => {
    const [column = '', header = column] = item.split(':', 2);
    return { column, header };
  }),
);

export const OUTBOX_OPTIONS = {
  outboxTable: {
    schema: z
      .string()
      .regex(/^[^.]+\.[^.]+$/, 'schema.table is expected')
      .optional(),
    help: 'outbox table, schema.table: its inserts are routed as events and not published as a table',
  },
  outboxAggregateTypes: {
    schema: items,
    help: 'aggregate types, comma-separated: each has its topic, made at the start',
  },
  outboxUnknownType: {
    schema: z.enum(UNKNOWN_TYPE).default('unrouted'),
    help: 'event of another aggregate type: unrouted sets it aside in <prefix>.outbox.unrouted, create makes its topic, stop ends the source before it',
  },
  outboxTopic: {
    schema: z
      .string()
      .refine((name) => name.includes(ROUTED_BY_VALUE), `${ROUTED_BY_VALUE} is expected in it`)
      .optional(),
    help: `topic of an aggregate type, ${ROUTED_BY_VALUE} stands for it; without: <prefix>.outbox.event.${ROUTED_BY_VALUE}`,
  },
  outboxColumns: {
    schema: columns,
    help: `where columns are named otherwise: ${Object.keys(COLUMNS).join('=, ')}= and the column, comma-separated`,
  },
  outboxHeaders: {
    schema: headers,
    help: 'further columns that go along as headers, column or column:header, comma-separated',
  },
  outboxOnUpdate: {
    schema: z.enum(['warn', 'stop']).default('warn'),
    help: 'update of an outbox row, which is no event: warn leaves it out, stop ends the source',
  },
  outboxMessagePrefix: {
    schema: requiredText.default('outbox'),
    help: 'prefix of logical messages that are events',
  },
  messagePrefixInclude: {
    schema: items,
    help: 'logical messages that go to <prefix>.message: regular expressions for their whole prefix, comma-separated',
  },
  messagePrefixExclude: { schema: items, help: 'of those, the ones that do not' },
} as const satisfies OptionSpecs;

export interface EventOptions {
  /** Null: nothing is routed. */
  readonly outbox: OutboxOptions | null;
  /** Null: no logical message is published as such. */
  readonly messages: MessageFilter | null;
}

/**
 * @throws Failure `config.invalid` for a table without aggregate types, for one whose columns are not to go out as they
 * are, or for a broken regular expression
 */
export function eventOptions(options: Options<typeof OUTBOX_OPTIONS> & FilterOptions): EventOptions {
  const messages = messageFilter(options.messagePrefixInclude, options.messagePrefixExclude);
  const { outboxTable, outboxAggregateTypes, outboxUnknownType } = options;
  if (outboxAggregateTypes.length === 0 && outboxUnknownType !== 'create') {
    if (outboxTable === undefined) return { outbox: null, messages };
    throw new Failure('config.invalid', 'stop', `nothing says which events ${outboxTable} has`, {
      fix: 'name them with --outbox-aggregate-types, or let topics come as they are needed with --outbox-unknown-type create',
    });
  }
  const outbox = {
    table: outboxTable ?? null,
    aggregateTypes: outboxAggregateTypes,
    unknownType: outboxUnknownType,
    topic: options.outboxTopic ?? null,
    columns: options.outboxColumns,
    headers: options.outboxHeaders,
    onUpdate: options.outboxOnUpdate,
    messagePrefix: options.outboxMessagePrefix,
  };
  refusePolicies(outbox, options);
  return { outbox, messages };
}

/** An event goes out as it was written; a pattern that was meant for other tables must not seem to hold here. */
function refusePolicies(outbox: OutboxOptions, filters: FilterOptions): void {
  const [schema, table] = outbox.table?.split('.', 2) ?? [];
  if (schema === undefined || table === undefined) return;
  const names = [...Object.values(outbox.columns), ...outbox.headers.map(({ column }) => column)];
  const kindOf = (name: string) => policyOf(filters, { schema, table }, name)?.kind ?? 'keep';
  const treated = names.filter((name) => kindOf(name) !== 'keep');
  if (treated.length === 0) return;
  throw new Failure(
    'config.invalid',
    'stop',
    `columns of the outbox ${outbox.table} are excluded or masked: ${treated.join(', ')}`,
    {
      fix: 'let the patterns for columns leave the outbox out, and write to it only what may be read',
    },
  );
}
