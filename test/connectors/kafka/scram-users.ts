import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { Cluster } from '../../../connectors/kafka/cluster.ts';
import { Connections } from '../../../connectors/kafka/connections.ts';
import type { WireRequest } from '../../../connectors/kafka/connections.ts';
import { loadKafkajs } from '../../../connectors/kafka/kafkajs-internals.ts';
import type { ScramMechanism } from '../../../connectors/kafka/scram.ts';
import { WireWriter } from '../../../connectors/kafka/wire.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';

const MECHANISMS = {
  'SCRAM-SHA-256': { id: 1, digest: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { id: 2, digest: 'sha512', bytes: 64 },
} as const;
const ITERATIONS = 4_096;

export interface ScramUser {
  readonly username: string;
  readonly password: string;
  readonly mechanism: ScramMechanism;
}

/** Makes users known to the cluster (KIP-554). The broker may need a moment until it has heard of them. */
export async function addScramUsers(broker: string, users: readonly ScramUser[]): Promise<void> {
  const context = {
    log: silentLog,
    clock: systemClock,
    random: Math.random,
    clientId: 'scram-users',
    kafkajs: loadKafkajs(),
  };
  await using connections = new Connections(context);
  const cluster = new Cluster(context, connections, [broker]);
  await cluster.refresh([]);
  // One by one: no request may name a user twice.
  for (const user of users) {
    const errors = await connections.send(cluster.controller(), alterScramCredentials([user]));
    if (errors.some((code) => code !== 0))
      throw new Error(`${user.username} was not added: error ${errors[0]}`);
  }
}

/** AlterUserScramCredentials version 0. @returns an error code for each user */
function alterScramCredentials(users: readonly ScramUser[]): WireRequest<readonly number[]> {
  const body = new WireWriter();
  const compactBytes = (bytes: Buffer): void => {
    body.int8(bytes.length + 1);
    for (const byte of bytes) body.int8((byte << 24) >> 24);
  };
  body.compactArray([], () => undefined);
  body.compactArray(users, ({ username, password, mechanism }) => {
    const { id, digest, bytes } = MECHANISMS[mechanism];
    const salt = randomBytes(16);
    body.compactString(username).int8(id).int32(ITERATIONS);
    compactBytes(salt);
    compactBytes(pbkdf2Sync(password, salt, ITERATIONS, bytes, digest));
    body.noTags();
  });
  body.noTags();
  return {
    apiKey: 51,
    apiName: 'AlterUserScramCredentials',
    apiVersion: 0,
    flexible: true,
    body: [body.bytes()],
    decode: (reader) => {
      reader.int32(); // throttle time
      return reader.compactArray(() => {
        reader.compactString(); // user
        const errorCode = reader.int16();
        reader.compactString(); // error message
        reader.skipTags();
        return errorCode;
      });
    },
  };
}
