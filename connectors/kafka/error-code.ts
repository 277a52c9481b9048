import { Failure } from '../../infra/process/failure.ts';
import type { Order } from '../../infra/process/failure.ts';
import { AccessDenied, describeRight } from './access.ts';
import type { Right } from './access.ts';

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
  invalidTopic: 17,
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
  illegalSaslState: 34,
  unsupportedVersion: 35,
  topicAlreadyExists: 36,
  invalidPartitions: 37,
  invalidReplicationFactor: 38,
  invalidConfig: 40,
  notController: 41,
  invalidRequest: 42,
  policyViolation: 44,
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
  nonEmptyGroup: 68,
  groupIdNotFound: 69,
  topicDeletionDisabled: 73,
  fencedLeaderEpoch: 74,
  unknownLeaderEpoch: 75,
  offsetNotAvailable: 78,
  memberIdRequired: 79,
  groupMaxSizeReached: 81,
  fencedInstanceId: 82,
  invalidRecord: 87,
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
    'outOfOrderSequence',
    'duplicateSequence',
    'invalidTxnState',
    'invalidProducerIdMapping',
    'operationNotAttempted',
    'unknownProducerId',
    'transactionAbortable',
  ],
  fenced: ['invalidProducerEpoch', 'producerFenced', 'fencedInstanceId'],
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

const REPLACED =
  'another process has started under the same name: give each process an instance of its own; if it is the successor of this one, there is nothing to do';

const FIXES: Readonly<Partial<Record<number, string>>> = {
  [ERROR.topicAuthorizationFailed]: 'grant the principal access to the topic',
  [ERROR.groupAuthorizationFailed]: 'grant the principal READ on the consumer group',
  [ERROR.transactionalIdAuthorizationFailed]: 'grant the principal WRITE on the transactional id',
  [ERROR.invalidReplicationFactor]: 'ask for no more replicas than there are brokers',
  [ERROR.policyViolation]:
    "see the broker's policies (create.topic.policy.class.name, alter.config.policy.class.name)",
  [ERROR.invalidSessionTimeout]:
    "keep sessionTimeoutMs within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms",
  [ERROR.invalidTransactionTimeout]:
    "keep the transaction timeout within the broker's transaction.max.timeout.ms",
  [ERROR.topicDeletionDisabled]: 'set delete.topic.enable=true on the brokers, or delete the topic there',
  [ERROR.invalidRecord]:
    'a compacted topic takes no record without a key: set its cleanup.policy back to what the role that writes it has made',
  [ERROR.groupMaxSizeReached]: 'raise group.max.size on the brokers, or start fewer processes',
  [ERROR.unsupportedVersion]: 'use Apache Kafka 3.9 to 4.x',
  [ERROR.invalidProducerEpoch]: REPLACED,
  [ERROR.producerFenced]: REPLACED,
  [ERROR.fencedInstanceId]: REPLACED,
  [ERROR.inconsistentGroupProtocol]: 'let every member of the group use the same assignment strategy',
};

/** The kind of object that a code denies access to. */
const DENIED: ReadonlyMap<number, Right['resource']> = new Map([
  [ERROR.topicAuthorizationFailed, 'topic'],
  [ERROR.groupAuthorizationFailed, 'group'],
  [ERROR.clusterAuthorizationFailed, 'cluster'],
  [ERROR.transactionalIdAuthorizationFailed, 'transactional-id'],
]);

/** The stable name of a broker's error, as in `kafka.not_coordinator`. */
const codeOf = (errorCode: number): string => `kafka.${NAMES.get(errorCode) ?? `error_${errorCode}`}`;

/**
 * A broker's error code as a Failure; `what` names the request and its object, `needs` the rights that it takes, one for
 * each kind of object.
 */
export function failureOf(errorCode: number, what: string, ...needs: readonly Right[]): Failure {
  const fix = FIXES[errorCode];
  const code = codeOf(errorCode);
  const answer = `the broker answered ${code.slice('kafka.'.length).toUpperCase()} (${errorCode})`;
  const missing = needs.find(({ resource }) => resource === DENIED.get(errorCode));
  if (missing !== undefined)
    return new AccessDenied(
      code,
      [missing],
      (who) => `${what}: ${who} lacks the right ${describeRight(missing)}: ${answer}`,
    );
  const message = `${what}: ${answer}`;
  return new Failure(code, ORDER_BY_CODE.get(errorCode) ?? 'stop', message, fix === undefined ? {} : { fix });
}

/** @throws Failure when the code is not 0 */
export function check(errorCode: number, what: string, ...needs: readonly Right[]): void {
  if (errorCode !== ERROR.none) throw failureOf(errorCode, what, ...needs);
}

/** True when `error` is a Failure made from one of these broker codes. */
export function isBrokerError(error: unknown, ...errorCodes: readonly number[]): error is Failure {
  return error instanceof Failure && errorCodes.some((errorCode) => error.code === codeOf(errorCode));
}

/**
 * Checks the parts of one answer; an error tells the broker's own words too, where it gives a reason.
 * @throws Failure that names all that failed, with the code and order of one that does not pass by itself, if any
 */
export function checkAll(
  parts: readonly {
    readonly what: string;
    readonly errorCode: number;
    readonly errorMessage: string | null;
    readonly needs?: Right;
  }[],
): void {
  const failures = parts
    .filter(({ errorCode }) => errorCode !== ERROR.none)
    .map(({ what, errorCode, errorMessage, needs }) =>
      failureOf(
        errorCode,
        errorMessage === null ? what : `${what} (${errorMessage})`,
        ...(needs === undefined ? [] : [needs]),
      ),
    );
  const worst = failures.find(({ order }) => order !== 'retry') ?? failures[0];
  if (worst === undefined) return;
  if (worst instanceof AccessDenied) throw allDenied(worst, failures);
  const message = failures.map((failure) => failure.message).join('; ');
  throw new Failure(worst.code, worst.order, message, worst.fix === undefined ? {} : { fix: worst.fix });
}

/** One that says of all objects what is missing, so that one change of ACLs does. */
function allDenied({ code }: AccessDenied, failures: readonly Failure[]): AccessDenied {
  const rights = failures.flatMap((failure) => (failure instanceof AccessDenied ? failure.rights : []));
  const told = (failure: Failure, who: string): string =>
    failure instanceof AccessDenied ? failure.messageFor(who) : failure.message;
  return new AccessDenied(code, rights, (who) => failures.map((failure) => told(failure, who)).join('; '));
}
