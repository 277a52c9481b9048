import type { Clock } from '../../infra/process/clock.ts';
import { Failure, orderFor } from '../../infra/process/failure.ts';
import type { Log } from '../../infra/process/log.ts';
import { connectionFailure } from './connection-failure.ts';
import type { Kafkajs, KafkajsBroker, KafkajsConnection, KafkajsLogger } from './kafkajs-internals.ts';
import { SaslSession } from './sasl.ts';
import type { Exchange } from './sasl.ts';
import { PLAINTEXT } from './security.ts';
import type { Security } from './security.ts';
import { brokerSockets } from './socket.ts';
import type { BrokerSockets } from './socket.ts';
import { WireReader, WireWriter } from './wire.ts';

/** What every part of the port is given. */
export interface ClientContext {
  readonly log: Log;
  readonly clock: Clock;
  /** Uniform in [0, 1), for jitter. */
  readonly random: () => number;
  readonly clientId: string;
  readonly kafkajs: Kafkajs;
  /** Default PLAINTEXT. */
  readonly security?: Security;
}

/** Milliseconds to open a connection, TLS included. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Milliseconds to wait for an answer, where the request itself does not wait longer at the broker. */
export const REQUEST_TIMEOUT_MS = 30_000;

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** A request in our own encoding. */
export interface WireRequest<T> {
  readonly apiKey: number;
  readonly apiName: string;
  readonly apiVersion: number;
  /** Flexible versions (KIP-482) have tagged fields in both headers. */
  readonly flexible: boolean;
  /** Written to the socket one after the other, uncopied. */
  readonly body: readonly Buffer[];
  readonly decode: (reader: WireReader) => T;
  /** Milliseconds; only ever lengthens REQUEST_TIMEOUT_MS. */
  readonly timeoutMs?: number;
}

interface Peer {
  readonly broker: KafkajsBroker;
  readonly sockets: BrokerSockets;
  /** Null without SASL. */
  readonly session: SaslSession | null;
  connection: KafkajsConnection | undefined;
}

/**
 * At most one connection to each broker. A broker answers one connection's requests one by one in order, so
 * whatever waits at the broker (a long poll, a join) needs a set of its own beside what must not wait.
 */
export class Connections implements AsyncDisposable {
  readonly #context: ClientContext;
  readonly #peers = new Map<string, Promise<Peer>>();
  #closed = false;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** True when a request would not have to open a connection first, as far as is known. */
  knows(address: BrokerAddress): boolean {
    return this.#peers.has(keyOf(address));
  }

  /**
   * @throws Failure `kafka.connection` (retry): no connection, or it broke before the answer came; the request may
   * have been carried out
   */
  send<T>(address: BrokerAddress, request: WireRequest<T>): Promise<T> {
    return this.#exchange(address, request).then((payload) => {
      const reader = new WireReader(payload, `the answer of broker ${keyOf(address)} to ${request.apiName}`);
      if (request.flexible) reader.skipTags();
      return request.decode(reader);
    });
  }

  /** Sends a request in kafkajs's encoding; error codes in the answer are the caller's to check. */
  async call<T>(
    address: BrokerAddress,
    apiName: string,
    apiVersion: number,
    args: object,
    timeoutMs?: number,
  ): Promise<T> {
    const definition = this.#context.kafkajs.requests[apiName];
    if (definition === undefined)
      throw new Failure('kafka.client_version', 'stop', `kafkajs knows no ${apiName}`);
    const { request, response, requestTimeout } = definition.protocol({ version: apiVersion })(args);
    const encoded = await request.encode();
    const limitMs = timeoutMs ?? requestTimeout;
    const payload = await this.#exchange(address, {
      apiKey: request.apiKey,
      apiName,
      apiVersion,
      flexible: false,
      body: [encoded.buffer],
      ...(limitMs === undefined ? {} : { timeoutMs: limitMs }),
    });
    return (await response.decode(payload)) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const peers = [...this.#peers.values()];
    this.#peers.clear();
    await Promise.all(peers.map((peer) => peer.then(closePeer, () => undefined)));
  }

  async #exchange(address: BrokerAddress, request: Omit<WireRequest<unknown>, 'decode'>): Promise<Buffer> {
    if (this.#closed)
      throw new Failure('kafka.closed', 'stop', `${request.apiName} after the client was closed`);
    const key = keyOf(address);
    const peer = await this.#peer(key, address);
    try {
      await peer.broker.connect();
      peer.connection = await peer.broker.connectionPool.getConnection(0);
      if (this.#closed) throw new Error('the client was closed while it connected');
      checkVersion(peer.broker, request, key);
      if (peer.session !== null && !peer.session.isGood()) await this.#logIn(key, peer, peer.session);
      return await sendFrame(peer.connection, request);
    } catch (error) {
      if (error instanceof Failure) throw error;
      await this.#drop(key, peer);
      const security = this.#context.security ?? PLAINTEXT;
      const { sockets, broker } = peer;
      throw connectionFailure(error, request.apiName, key, {
        security,
        sockets,
        spoken: broker.versions !== null,
      });
    }
  }

  async #logIn(key: string, peer: Peer, session: SaslSession): Promise<void> {
    const { connection } = peer;
    if (connection === undefined) return;
    const exchange: Exchange = async (request) =>
      request.decode(new WireReader(await sendFrame(connection, request)));
    try {
      await session.renew(exchange);
    } catch (error) {
      // The broker closes it soon; until then it would look usable.
      if (orderFor(error) === 'stop') await this.#drop(key, peer);
      throw error;
    }
  }

  async #peer(key: string, address: BrokerAddress): Promise<Peer> {
    const known = await this.#peers.get(key);
    const usable = known !== undefined && (known.connection === undefined || known.broker.isConnected());
    if (usable) return known;
    if (known !== undefined) await this.#drop(key, known);
    let created = this.#peers.get(key);
    if (created === undefined) {
      created = this.#createPeer(address);
      this.#peers.set(key, created);
    }
    return created;
  }

  async #createPeer({ host, port }: BrokerAddress): Promise<Peer> {
    const { kafkajs, clientId, log, security = PLAINTEXT } = this.#context;
    const logger = kafkajsLogger(log);
    const sockets = brokerSockets(security);
    const builder = kafkajs.connectionPoolBuilder({
      brokers: [`${host}:${port}`],
      clientId,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      enforceRequestTimeout: true,
      logger,
      socketFactory: sockets.open,
    });
    const connectionPool = await builder.build({ host, port });
    return {
      broker: new kafkajs.Broker({ connectionPool, logger, allowAutoTopicCreation: false }),
      sockets,
      session:
        security.login === null ? null : new SaslSession(this.#context, security.login, `${host}:${port}`),
      connection: undefined,
    };
  }

  /**
   * A connection is never opened twice: kafkajs keeps the first half of an answer that broke off, and would take the
   * next connection's bytes for its second half. A request that got no answer may mean a half-open connection.
   */
  async #drop(key: string, peer: Peer): Promise<void> {
    const current = this.#peers.get(key);
    if (current !== undefined && (await current) === peer && this.#peers.get(key) === current)
      this.#peers.delete(key);
    await closePeer(peer);
  }
}

const keyOf = ({ host, port }: BrokerAddress): string => `${host}:${port}`;

async function closePeer({ connection }: Peer): Promise<void> {
  if (connection === undefined) return;
  connection.rejectRequests(new Error('the connection was closed by this client'));
  await connection.disconnect();
  connection.socket?.destroy();
}

function checkVersion(
  broker: KafkajsBroker,
  request: Omit<WireRequest<unknown>, 'decode'>,
  key: string,
): void {
  const range = broker.versions?.[request.apiKey];
  const { apiName, apiVersion } = request;
  if (range !== undefined && apiVersion >= range.minVersion && apiVersion <= range.maxVersion) return;
  const spoken =
    range === undefined ? 'not at all' : `in versions ${range.minVersion} to ${range.maxVersion}`;
  throw new Failure(
    'kafka.unsupported_broker',
    'stop',
    `broker ${key} speaks ${apiName} ${spoken}, not ${apiVersion}`,
    {
      fix: 'use Apache Kafka 3.9 to 4.x',
    },
  );
}

function sendFrame(
  connection: KafkajsConnection,
  request: Omit<WireRequest<unknown>, 'decode'>,
): Promise<Buffer> {
  const { apiKey, apiName, apiVersion } = request;
  connection.failIfNotConnected();
  const correlationId = connection.nextCorrelationId();
  const header = frameHeader(request, correlationId, connection.clientId);
  return new Promise((resolve, reject) => {
    connection.requestQueue.push({
      entry: {
        apiKey,
        apiName,
        apiVersion,
        correlationId,
        resolve: ({ payload }) => resolve(payload),
        reject,
      },
      expectResponse: true,
      requestTimeout: request.timeoutMs ?? null,
      sendRequest: () => {
        const { socket } = connection;
        socket?.cork();
        socket?.write(header);
        for (const part of request.body) socket?.write(part);
        socket?.uncork();
      },
    });
  });
}

function frameHeader(
  request: Omit<WireRequest<unknown>, 'decode'>,
  correlationId: number,
  clientId: string,
): Buffer {
  const writer = new WireWriter().int32(0).int16(request.apiKey).int16(request.apiVersion);
  writer.int32(correlationId).string(clientId);
  if (request.flexible) writer.noTags();
  const header = writer.bytes();
  let size = header.length - 4;
  for (const part of request.body) size += part.length;
  header.writeInt32BE(size, 0);
  return header;
}

/** Errors of a connection reach the caller as Failures, so kafkajs's own account of them is for debugging only. */
function kafkajsLogger(log: Log): KafkajsLogger {
  const debug = (message: string, extra: object = {}): void => log.debug({ client: extra }, message);
  const logger: KafkajsLogger = {
    namespace: () => logger,
    debug: () => undefined,
    info: debug,
    warn: debug,
    error: debug,
  };
  return logger;
}
