import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { systemClock } from '../../infra/process/clock.ts';
import { Failure } from '../../infra/process/failure.ts';
import { patchAnswers, patchConnection, patchRequestQueue } from './kafkajs-patches.ts';

/**
 * What is used of kafkajs's inside: one broker connection with version negotiation, correlation of
 * requests and time limits, and the encodings of requests that are sent now and then. This file is the only one
 * that knows kafkajs's modules; the interfaces say as much of them as is used.
 */
const KAFKAJS_VERSION = '2.2.4';

export interface KafkajsLogger {
  namespace(name: string): KafkajsLogger;
  debug(message: string, extra?: object): void;
  info(message: string, extra?: object): void;
  warn(message: string, extra?: object): void;
  error(message: string, extra?: object): void;
}

export interface KafkajsRequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  checkPendingRequests(): void;
  fulfillRequest(answer: {
    readonly size: number;
    readonly correlationId: number;
    readonly payload: Buffer;
  }): void;
  push(request: {
    readonly entry: {
      readonly apiKey: number;
      readonly apiName: string;
      readonly apiVersion: number;
      readonly correlationId: number;
      readonly resolve: (response: { readonly payload: Buffer }) => void;
      readonly reject: (error: unknown) => void;
    };
    readonly expectResponse: boolean;
    readonly requestTimeout: number | null;
    readonly sendRequest: () => void;
  }): void;
}

export interface KafkajsConnection {
  readonly clientId: string;
  readonly requestQueue: KafkajsRequestQueue;
  readonly socket: Socket | undefined;
  readonly connect: (this: KafkajsConnection) => Promise<boolean>;
  disconnect(): Promise<boolean>;
  nextCorrelationId(): number;
  failIfNotConnected(): void;
  rejectRequests(error: Error): void;
}

export interface KafkajsBroker {
  readonly connectionPool: { getConnection(index: number): Promise<KafkajsConnection> };
  /** API key to the versions that the broker speaks; null before the first connect. */
  readonly versions: Readonly<Record<number, { minVersion: number; maxVersion: number }>> | null;
  isConnected(): boolean;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

/** One encoded request and the decoder of its response. kafkajs's `parse`, which throws on error codes, is not used. */
interface KafkajsExchange {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<{ readonly buffer: Buffer }>;
  };
  readonly response: { decode(payload: Buffer): Promise<unknown> };
  readonly requestTimeout?: number;
}

type KafkajsProtocol = (args: object) => KafkajsExchange;

interface KafkajsConnectionOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly connectionTimeout: number;
  readonly requestTimeout: number;
  readonly enforceRequestTimeout: boolean;
  readonly logger: KafkajsLogger;
  readonly socketFactory: (target: { host: string; port: number; onConnect: () => void }) => Socket;
}

interface ConnectionPoolBuilder {
  build(target: { host: string; port: number }): Promise<KafkajsBroker['connectionPool']>;
}

export interface Kafkajs {
  readonly Broker: new (options: {
    readonly connectionPool: KafkajsBroker['connectionPool'];
    readonly logger: KafkajsLogger;
    readonly allowAutoTopicCreation: boolean;
  }) => KafkajsBroker;
  readonly connectionPoolBuilder: (options: KafkajsConnectionOptions) => ConnectionPoolBuilder;
  readonly requests: Readonly<Record<string, { protocol(of: { version: number }): KafkajsProtocol }>>;
}

let loaded: Kafkajs | undefined;

/**
 * Loads and patches kafkajs once.
 * @throws Failure `kafka.client_version` (stop) on any version but the one whose inside is known
 */
export function loadKafkajs(): Kafkajs {
  loaded ??= load();
  return loaded;
}

function load(): Kafkajs {
  const require = createRequire(import.meta.url);
  const { version } = require('kafkajs/package.json') as { version: string };
  if (version !== KAFKAJS_VERSION)
    throw new Failure('kafka.client_version', 'stop', `kafkajs is ${version}, not ${KAFKAJS_VERSION}`, {
      fix: `pin "kafkajs": "${KAFKAJS_VERSION}" exactly: this port uses its internal modules`,
    });
  patchRequestQueue(
    require('kafkajs/src/network/requestQueue') as { prototype: KafkajsRequestQueue },
    systemClock,
  );
  const connectionClass = require('kafkajs/src/network/connection') as { prototype: KafkajsConnection };
  patchConnection(connectionClass);
  patchAnswers(connectionClass);
  const { requests } = require('kafkajs/src/protocol/requests') as Pick<Kafkajs, 'requests'>;
  return {
    Broker: require('kafkajs/src/broker') as Kafkajs['Broker'],
    connectionPoolBuilder:
      require('kafkajs/src/cluster/connectionPoolBuilder') as Kafkajs['connectionPoolBuilder'],
    requests,
  };
}
