import type { BackoffPolicy } from '../../infra/process/backoff.ts';
import { Failure } from '../../infra/process/failure.ts';
import { type Right, onTopic } from './access.ts';
import { type Cluster, REQUEST_RETRY, metadataRequest } from './cluster.ts';
import type { Connections, WireRequest } from './connections.ts';
import { ERROR, check, checkAll, failureOf } from './error-code.ts';
import type { Admin } from './port.ts';
import { WireWriter } from './wire.ts';

/** Milliseconds that the controller may take to delete topics. */
const DELETE_TIMEOUT_MS = 15_000;
/** A deletion reaches all brokers' metadata within moments. */
const SPREAD_RETRY: BackoffPolicy = { initialMs: 10, maxMs: 250, attemptsMax: 80 };

export type DeletionAdmin = Pick<Admin, 'existingTopics' | 'deleteTopics' | 'deleteGroup'>;

/** Takes away what {@link Admin} makes. */
export function deletionAdmin(cluster: Cluster, connections: Connections): DeletionAdmin {
  return {
    async existingTopics(topics) {
      if (topics.length === 0) return [];
      return cluster.retry(REQUEST_RETRY, async () => existing(await cluster.refresh(topics), topics));
    },

    async deleteTopics(topics) {
      if (topics.length === 0) return [];
      const deleted = new Set<string>();
      await cluster.retry(REQUEST_RETRY, async () => {
        await cluster.refresh([]);
        const answers = await connections.send(cluster.controller(), deleteTopicsRequest(topics));
        for (const { topic, errorCode } of answers) if (errorCode === ERROR.none) deleted.add(topic);
        const refused = answers.filter(({ errorCode }) => errorCode !== ERROR.unknownTopicOrPartition);
        checkAll(
          refused.map(({ topic, errorCode }) => ({
            what: `deleting topic ${topic}`,
            errorCode,
            errorMessage: null,
            needs: onTopic('Delete', topic),
          })),
        );
      });
      await cluster.retry(SPREAD_RETRY, () => untilGone(cluster, connections, topics));
      return topics.filter((topic) => deleted.has(topic));
    },

    async deleteGroup(groupId) {
      const errorCode = await cluster.withCoordinator('group', groupId, async (coordinator) => {
        const answer = await connections.send(coordinator, deleteGroupRequest(groupId));
        if (answer === ERROR.nonEmptyGroup) throw notEmpty(groupId);
        if (answer !== ERROR.groupIdNotFound) check(answer, `deleting group ${groupId}`, onGroup(groupId));
        return answer;
      });
      return errorCode === ERROR.none;
    },
  };
}

const onGroup = (name: string): Right => ({ operation: 'Delete', resource: 'group', name });

function existing(
  found: ReadonlyMap<string, { readonly errorCode: number }>,
  topics: readonly string[],
): readonly string[] {
  return topics.filter((topic) => {
    const errorCode = found.get(topic)?.errorCode ?? ERROR.unknownTopicOrPartition;
    // A topic whose leader is being elected is there.
    if (errorCode === ERROR.leaderNotAvailable) return true;
    if (errorCode !== ERROR.unknownTopicOrPartition)
      check(errorCode, `reading the metadata of topic ${topic}`, onTopic('Describe', topic));
    return errorCode === ERROR.none;
  });
}

/** @throws Failure of order `retry` while a broker still tells of one: who asks it would not make the topic anew */
async function untilGone(
  cluster: Cluster,
  connections: Connections,
  topics: readonly string[],
): Promise<void> {
  await cluster.refresh(topics);
  const answers = await Promise.all(
    cluster.brokers().map((broker) => connections.send(broker, metadataRequest(topics))),
  );
  const left = answers.flatMap((answer) => existing(answer.topics, topics));
  if (left.length > 0) throw failureOf(ERROR.replicaNotAvailable, `deleting topic ${left.join(', ')}`);
}

function notEmpty(groupId: string): Failure {
  const { code, message } = failureOf(ERROR.nonEmptyGroup, `deleting group ${groupId}`);
  return new Failure(code, 'stop', message, {
    fix: 'stop its members; one that was killed, or is static, is a member until its session timeout is over',
  });
}

interface DeletedTopic {
  readonly topic: string;
  readonly errorCode: number;
}

/** DeleteTopics version 3, the first that says when deletion is switched off in the cluster. */
export function deleteTopicsRequest(topics: readonly string[]): WireRequest<readonly DeletedTopic[]> {
  const body = new WireWriter();
  body.array(topics, (topic) => body.string(topic)).int32(DELETE_TIMEOUT_MS);
  return {
    apiKey: 20,
    apiName: 'DeleteTopics',
    apiVersion: 3,
    flexible: false,
    body: [body.bytes()],
    decode: (reader) => {
      reader.int32(); // throttle time
      return reader.array(() => ({ topic: reader.string() ?? '', errorCode: reader.int16() }));
    },
  };
}

/** DeleteGroups version 1, for one group: each is deleted by its own coordinator. Gives the error code. */
export function deleteGroupRequest(groupId: string): WireRequest<number> {
  const body = new WireWriter();
  body.array([groupId], (id) => body.string(id));
  return {
    apiKey: 42,
    apiName: 'DeleteGroups',
    apiVersion: 1,
    flexible: false,
    body: [body.bytes()],
    decode: (reader) => {
      reader.int32(); // throttle time
      const [errorCode = ERROR.none] = reader.array(() => {
        reader.string(); // group id
        return reader.int16();
      });
      return errorCode;
    },
  };
}
