import { INSTRUCTION, type Subscription, rowHash } from './foreign-key-messages.ts';
import type { NodeOf, Operator, OperatorContext } from './operator.ts';

interface ForeignKey {
  readonly key: unknown;
  readonly body: Buffer;
}

/**
 * Left side of a foreign-key join: each change of a left row as a subscription to the right row that it names now,
 * after the end of that to the one it named before. Rules: Kafka Streams' SubscriptionSendProcessor as it is since
 * KAFKA-16407 was fixed: a foreign key may become null and come back. An unsubscription is not answered, so that a change
 * gives one result.
 */
export function subscriptionSend(context: OperatorContext<NodeOf<'subscription-send'>>): Operator {
  const { node } = context;
  const extract = context.call('foreignKeyExtractor');
  const keys = context.serde(node.foreignKey);
  const values = context.serde(node.value);
  const foreignKeyOf = (value: unknown, key: unknown): ForeignKey | null => {
    const foreign = value === null ? null : extract(value, key);
    return foreign === null ? null : { key: foreign, body: keys.encodeBody(foreign) };
  };
  return {
    process(record) {
      const { key, keyBody, value, oldValue } = record;
      // The join counts it, which gets the same change.
      if (keyBody === null || record.isLatest === false) return;
      const send = (to: ForeignKey, instruction: Subscription['instruction'], hash: Buffer | null): void => {
        const subscription: Subscription = { instruction, primary_key: keyBody, hash };
        context.forward({ ...record, key: to.key, keyBody: to.body, value: subscription, oldValue: null });
      };
      const from = foreignKeyOf(oldValue, key);
      const to = foreignKeyOf(value, key);
      if (from !== null && (to === null || !from.body.equals(to.body)))
        send(from, INSTRUCTION.DELETE_KEY_NO_PROPAGATE, null);
      if (to === null) return;
      const instruction =
        node.join === 'inner' && from === null
          ? INSTRUCTION.PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE
          : INSTRUCTION.PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE;
      send(to, instruction, rowHash(values.encodeBody(value)));
    },
  };
}
