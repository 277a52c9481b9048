import { Failure } from '../../infra/process/failure.ts';
import type { Order } from '../../infra/process/failure.ts';

/** The broker's error codes that this client meets: https://kafka.apache.org/protocol#protocol_error_codes */
export const ERROR = {
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeaderOrFollower: 6,
  requestTimedOut: 7,
  replicaNotAvailable: 9,
  messageTooLarge: 10,
  networkException: 13,
  coordinatorLoadInProgress: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  illegalGeneration: 22,
  inconsistentGroupProtocol: 23,
  unknownMemberId: 25,
  invalidSessionTimeout: 26,
  rebalanceInProgress: 27,
  topicAuthorizationFailed: 29,
  groupAuthorizationFailed: 30,
  clusterAuthorizationFailed: 31,
  unsupportedVersion: 35,
  topicAlreadyExists: 36,
  invalidPartitions: 37,
  invalidReplicationFactor: 38,
  invalidConfig: 40,
  notController: 41,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  invalidTxnState: 48,
  invalidProducerIdMapping: 49,
  invalidTransactionTimeout: 50,
  concurrentTransactions: 51,
  transactionalIdAuthorizationFailed: 53,
  operationNotAttempted: 55,
  storageError: 56,
  unknownProducerId: 59,
  fencedLeaderEpoch: 74,
  unknownLeaderEpoch: 75,
  offsetNotAvailable: 78,
  memberIdRequired: 79,
  groupMaxSizeReached: 81,
  fencedInstanceId: 82,
  unstableOffsetCommit: 88,
  throttlingQuotaExceeded: 89,
  producerFenced: 90,
  unknownTopicId: 100,
  transactionAbortable: 120,
} as const;

type ErrorName = keyof typeof ERROR;

const ORDERS: Readonly<Record<Exclude<Order, 'dead-letter' | 'stop'>, readonly ErrorName[]>> = {
  retry: [
    'corruptMessage',
    'unknownTopicOrPartition',
    'leaderNotAvailable',
    'notLeaderOrFollower',
    'requestTimedOut',
    'replicaNotAvailable',
    'networkException',
    'coordinatorLoadInProgress',
    'coordinatorNotAvailable',
    'notCoordinator',
    'notEnoughReplicas',
    'notEnoughReplicasAfterAppend',
    'notController',
    'concurrentTransactions',
    'storageError',
    'fencedLeaderEpoch',
    'unknownLeaderEpoch',
    'offsetNotAvailable',
    'unstableOffsetCommit',
    'throttlingQuotaExceeded',
    'unknownTopicId',
  ],
  restart: [
    'illegalGeneration',
    'unknownMemberId',
    'rebalanceInProgress',
    'memberIdRequired',
    'fencedInstanceId',
    'outOfOrderSequence',
    'duplicateSequence',
    'invalidTxnState',
    'invalidProducerIdMapping',
    'operationNotAttempted',
    'unknownProducerId',
    'transactionAbortable',
  ],
  fenced: ['invalidProducerEpoch', 'producerFenced'],
};

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(ERROR).map(([name, code]) => [
    code,
    name.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
  ]),
);

const ORDER_BY_CODE: ReadonlyMap<number, Order> = new Map(
  Object.entries(ORDERS).flatMap(([order, names]) =>
    names.map((name) => [ERROR[name], order as Order] as const),
  ),
);

const FIXES: Readonly<Partial<Record<number, string>>> = {
  [ERROR.topicAuthorizationFailed]: 'grant the principal access to the topic',
  [ERROR.groupAuthorizationFailed]: 'grant the principal READ on the consumer group',
  [ERROR.transactionalIdAuthorizationFailed]: 'grant the principal WRITE on the transactional id',
  [ERROR.invalidSessionTimeout]:
    "keep sessionTimeoutMs within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms",
  [ERROR.invalidTransactionTimeout]:
    "keep the transaction timeout within the broker's transaction.max.timeout.ms",
  [ERROR.inconsistentGroupProtocol]: 'let every member of the group use the same assignment strategy',
};

/** The stable name of a broker's error, as in `kafka.not_coordinator`. */
const codeOf = (errorCode: number): string => `kafka.${NAMES.get(errorCode) ?? `error_${errorCode}`}`;

/** A broker's error code as a Failure; `what` names the request and its object. */
export function failureOf(errorCode: number, what: string): Failure {
  const fix = FIXES[errorCode];
  const code = codeOf(errorCode);
  const message = `${what}: the broker answered ${code.slice('kafka.'.length).toUpperCase()} (${errorCode})`;
  return new Failure(code, ORDER_BY_CODE.get(errorCode) ?? 'stop', message, fix === undefined ? {} : { fix });
}

/** @throws Failure when the code is not 0 */
export function check(errorCode: number, what: string): void {
  if (errorCode !== ERROR.none) throw failureOf(errorCode, what);
}

/** True when `error` is a Failure made from one of these broker codes. */
export function isBrokerError(error: unknown, ...errorCodes: readonly number[]): error is Failure {
  return error instanceof Failure && errorCodes.some((errorCode) => error.code === codeOf(errorCode));
}
