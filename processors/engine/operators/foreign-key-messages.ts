import { hash } from 'node:crypto';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';

/** What a subscription asks for: Kafka Streams' names and codes. Its fourth, DELETE_KEY_AND_PROPAGATE, is never asked here. */
export const INSTRUCTION = {
  /** Unsubscribe. What that means for the result, the left task says itself. */
  DELETE_KEY_NO_PROPAGATE: 0,
  /** Subscribe. Something may be out: where there is no such row, an inner join gives a tombstone. */
  PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE: 2,
  /**
   * Subscribe. Nothing is out, so that no tombstone is wanted where there is no such row. It is answered all the same
   * (Kafka Streams is silent): an answer to an equal row of before, with a row that is gone by now, may be under way.
   */
  PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE: 3,
} as const;

/** From the left task to the right one, under the foreign key. */
export interface Subscription {
  readonly instruction: (typeof INSTRUCTION)[keyof typeof INSTRUCTION];
  /** Avro body of the left row's key. */
  readonly primary_key: Buffer;
  /** Of the left row; null to unsubscribe. */
  readonly hash: Buffer | null;
}

/** From the right task to the left one, under the left row's key. */
export interface SubscriptionResponse {
  /** Of the left row that was subscribed: tells whether the question is still the one of today. */
  readonly hash: Buffer;
  /** The right row as stores have it, times and Avro body; null when there is none. */
  readonly foreign_row: Buffer | null;
  /** Whether an inner join gives a tombstone for a null also where nothing is out. */
  readonly propagate_null: boolean;
}

/** Key of a subscription in its store. The length in front of each part keeps one foreign key from beginning another. */
export interface SubscriptionKey {
  readonly foreign_key: Buffer;
  readonly primary_key: Buffer;
}

/** What a result was made of. The result itself need not have a schema: it is computed from this again. */
export interface JoinedRows {
  /** Avro body of the left row's value. */
  readonly left: Buffer;
  /** The right row as stores have it; null for a left join without a partner. */
  readonly foreign_row: Buffer | null;
}

// Rows and keys are bytes in all of these: the two tables may use one Avro name, which may stand only once in a schema.

const NULLABLE_BYTES = ['null', 'bytes'] as const;

export const SUBSCRIPTION: AvroSchema = {
  type: 'record',
  name: 'Subscription',
  fields: [
    { name: 'instruction', type: 'int' },
    { name: 'primary_key', type: 'bytes' },
    { name: 'hash', type: NULLABLE_BYTES },
  ],
};

export const SUBSCRIPTION_RESPONSE: AvroSchema = {
  type: 'record',
  name: 'SubscriptionResponse',
  fields: [
    { name: 'hash', type: 'bytes' },
    { name: 'foreign_row', type: NULLABLE_BYTES },
    { name: 'propagate_null', type: 'boolean' },
  ],
};

export const SUBSCRIPTION_KEY: AvroSchema = {
  type: 'record',
  name: 'SubscriptionKey',
  fields: [
    { name: 'foreign_key', type: 'bytes' },
    { name: 'primary_key', type: 'bytes' },
  ],
};

export const JOINED_ROWS: AvroSchema = {
  type: 'record',
  name: 'JoinedRows',
  fields: [
    { name: 'left', type: 'bytes' },
    { name: 'foreign_row', type: NULLABLE_BYTES },
  ],
};

const HASH_BYTES = 16;

/** 128 bits that tell the values of a row apart, from their Avro bodies. */
export function rowHash(body: Buffer): Buffer {
  return hash('sha256', body, 'buffer').subarray(0, HASH_BYTES);
}
