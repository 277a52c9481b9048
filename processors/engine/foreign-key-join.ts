import { Failure } from '../../infra/process/failure.ts';
import {
  JOINED_ROWS,
  SUBSCRIPTION,
  SUBSCRIPTION_KEY,
  SUBSCRIPTION_RESPONSE,
} from './operators/foreign-key-messages.ts';
import type { Handle, PlanBuilder, UserFunction } from './plan/plan-builder.ts';

/** The key of the row of another table that a row names; null where it names none. */
export type ForeignKeyExtractor<K, V, FK> = (value: V, key: K) => FK | null;

interface ForeignKeyJoin {
  readonly name: string;
  readonly join: 'inner' | 'left';
  readonly left: Handle;
  readonly right: Handle;
}

interface ForeignKeyJoinFunctions {
  readonly foreignKeyExtractor: UserFunction;
  readonly joiner: UserFunction;
}

/**
 * Kafka Streams' foreign-key join (KIP-213): the left task subscribes, through `<name>-subscription`, to the right row
 * that its row names; the right task answers, through `<name>-response`; the left task joins. Each topic has the
 * partitions of the table that reads it.
 * @throws Failure `topology.unlike_keys`, `topology.no_schema` (stop)
 */
export function foreignKeyJoin(
  plan: PlanBuilder,
  { name, join, left, right }: ForeignKeyJoin,
  { foreignKeyExtractor, joiner }: ForeignKeyJoinFunctions,
): Handle {
  const id = plan.named(name);
  for (const table of [left, right]) refuseWindows(table, id);
  const values = { left: plan.schemaOf(left, id), right: plan.schemaOf(right, id) };
  const topic = { form: 'foreign-key', partitions: null } as const;

  const send = plan.add(
    {
      id: `${id}-subscription-send`,
      operator: 'subscription-send',
      join,
      inputs: [left.id],
      stores: [],
      foreignKey: right.key,
      value: values.left,
    },
    { foreignKeyExtractor },
  );
  const subscription = {
    ...topic,
    name: plan.named(`${id}-subscription`),
    key: right.key,
    value: SUBSCRIPTION,
  };
  const subscribed = plan.through(send, subscription);

  const subscriptions = plan.addStore({
    name: `${id}-subscriptions`,
    kind: 'key-value',
    key: SUBSCRIPTION_KEY,
    value: 'bytes',
    changelog: true,
    scanned: true,
  });
  const answer = plan.add({
    id: `${id}-foreign-table-join`,
    operator: 'foreign-table-join',
    inputs: [subscribed, right.id],
    stores: [subscriptions],
    key: left.key,
    value: values.right,
  });
  const response = {
    ...topic,
    name: plan.named(`${id}-response`),
    key: left.key,
    value: SUBSCRIPTION_RESPONSE,
  };
  const answered = plan.through(answer, response);

  plan.addStore({ name: id, kind: 'key-value', key: left.key, value: JOINED_ROWS, changelog: true });
  plan.add(
    { id, operator: 'response-join', join, inputs: [left.id, answered], stores: [id], ...values },
    { foreignKeyExtractor, joiner },
  );
  return { id, key: left.key, value: null };
}

/** A row of a window lies where its key lies without the window, and nobody who has only the row's key can find it. */
function refuseWindows({ closeDelayMs }: Handle, step: string): void {
  if (closeDelayMs === undefined) return;
  throw new Failure(
    'topology.unlike_keys',
    'stop',
    `step "${step}" joins a table whose keys have the bounds of a window by a foreign key`,
    { fix: 'give its rows another key first, with .groupBy(name, keySchema, selector)' },
  );
}
