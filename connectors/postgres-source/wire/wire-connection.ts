import { Socket } from 'node:net';
import { Client, type QueryResultRow } from 'pg';
import { assert } from '../../../infra/process/assert.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { connectFailure } from './connect-failure.ts';
import { ReadSocket } from './read-socket.ts';
import { sessionUrl } from './session-settings.ts';
import { WireFramer } from './wire-framer.ts';

/** Above this the socket is paused: the server then waits, and its WAL with it. At half of it, it goes on. */
const QUEUE_BYTES_MAX = 8 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;
/** The kernel asks a silent peer after this long, and a half-open connection ends. */
const KEEP_ALIVE_MS = 10_000;

/** A database without an encoding takes any bytes, and refuses to send as UTF-8 what is none: one row would end the stream. */
const UNCONVERTED_SQL = `
  SELECT set_config('client_encoding', 'SQL_ASCII', false) WHERE getdatabaseencoding() = 'SQL_ASCII'`;

export interface WireOptions {
  readonly url: string;
  readonly replication: boolean;
  readonly applicationName: string;
  /** Bytes that may wait to be read before the socket is paused. */
  readonly queueBytesMax?: number;
}

/** Sees every message as it arrives, before it waits in the queue. */
export type OnArrival = (segment: Buffer, start: number, end: number) => void;

/**
 * A Postgres session. `pg` connects, authenticates and answers plain queries; after {@link takeOver} the socket is
 * ours and messages come out as segments of whole messages, pulled, bounded in bytes.
 */
export class WireConnection implements AsyncDisposable {
  readonly #client: Client;
  readonly #plain: ReadSocket;
  readonly #queueBytesMax: number;
  readonly #ended = Promise.withResolvers<void>();
  #framer: WireFramer | null = null;
  /** Resolves when the query that was asked last has its answer. */
  #turn: Promise<void> = Promise.resolve();
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #paused = false;
  #error: Error | null = null;
  #wake: (() => void) | null = null;
  #isAborted = false;
  /** Told once, when the connection is given up by {@link abort}. */
  onAbort: ((error: Error) => void) | null = null;
  /** A plain query without an answer for so long is given up, milliseconds; null: it may wait, as for a lock. */
  queryMaxMs: number | null = null;

  private constructor(client: Client, plain: ReadSocket, queueBytesMax: number) {
    this.#client = client;
    this.#plain = plain;
    this.#queueBytesMax = queueBytesMax;
    client.on('error', (error) => this.#lose(error));
    client.on('end', () => {
      this.#lose(undefined);
      this.#ended.resolve();
    });
  }

  /** @throws Failure `source.*` for a refused login; whatever `pg` says of a server that is away */
  static async open(options: WireOptions): Promise<WireConnection> {
    const plain = new ReadSocket(systemClock, options.replication);
    let client: Client | undefined;
    try {
      client = new Client({
        // Under TLS the bytes of the socket are not those of the stream.
        stream: (...asked: readonly { readonly ssl: unknown }[]) =>
          asked[0]?.ssl ? new Socket() : plain.socket,
        connectionString: sessionUrl(options),
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      });
      const connection = new WireConnection(client, plain, options.queueBytesMax ?? QUEUE_BYTES_MAX);
      await client.connect();
      // Not yet in anybody's hands, who could end it when the line goes dead.
      const asked = { text: UNCONVERTED_SQL, query_timeout: CONNECT_TIMEOUT_MS };
      await client.query(asked);
      return connection;
    } catch (error) {
      // pg leaves the socket open when it is itself that gives up, and with it the process.
      client?.connection.stream.destroy();
      throw connectFailure(error, options) ?? error;
    }
  }

  /** The server process by what the login said. A pooler says something else than `pg_backend_pid()` does. */
  get backendPid(): number | null {
    return (this.#client as Client & { readonly processID: number | null }).processID;
  }

  /** Bytes that have arrived and wait to be read. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Plain SQL over the simple protocol, as long as the socket is still `pg`'s. One at a time, in the order asked. */
  async query<R extends QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<R[]> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      const asked = {
        text: sql,
        ...(values === undefined ? {} : { values: [...values] }),
        ...(this.queryMaxMs === null ? {} : { query_timeout: this.queryMaxMs }),
      };
      return (await this.#client.query<R>(asked)).rows;
    } catch (error) {
      // On a lost connection pg says only that the client can no longer be used.
      throw this.#error ?? error;
    } finally {
      resolve();
    }
  }

  /**
   * Takes the socket from `pg` while nothing is under way. Every byte of the answer to what {@link ask} sends goes
   * through our framing, so rows may share a chunk with the message that opens their stream.
   */
  takeOver(onArrival: OnArrival = ignore): void {
    const { stream } = this.#client.connection;
    stream.removeAllListeners('data');
    const framer = new WireFramer(onArrival);
    this.#framer = framer;
    const push = (chunk: Buffer): void => this.#arrive(() => framer.push(chunk));
    if (stream === this.#plain.socket)
      this.#plain.target = {
        room: () => framer.room(),
        arrived: (bytes) => this.#arrive(() => framer.arrived(bytes)),
        push,
      };
    else stream.on('data', push);
  }

  /** Sends a query over the simple protocol; the answer comes out of {@link take}. */
  ask(sql: string): void {
    this.write(simpleQuery(sql));
  }

  write(message: Buffer): void {
    if (this.#error === null) this.#client.connection.stream.write(message);
  }

  /** The next segment of whole messages, or null when none has arrived. @throws Failure `source.connection_lost` */
  take(): Buffer | null {
    const segment = this.#queue.shift();
    if (segment === undefined) {
      if (this.#error !== null) throw this.#error;
      return null;
    }
    this.#queuedBytes -= segment.length;
    if (this.#paused && this.#queuedBytes < this.#queueBytesMax / 2) {
      this.#paused = false;
      this.#client.connection.stream.resume();
    }
    return segment;
  }

  /** Nothing of the segment is needed any more: its memory is read into again. Who holds a view of it does not call this. */
  giveBack(segment: Buffer): void {
    this.#framer?.giveBack(segment);
  }

  /** Resolves when {@link take} has something to say, or after {@link nudge}. */
  readable(): Promise<void> {
    if (this.#queue.length > 0 || this.#error !== null) return Promise.resolve();
    assert(this.#wake === null, 'two readers of one connection');
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Lets a waiting reader look around. */
  nudge(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /**
   * Ends the stream now: take() throws `cause`, and what has arrived, or arrives later, is dropped. What follows from it
   * changes nothing.
   */
  abort(cause: unknown): void {
    this.#queue = [];
    if (this.#isAborted) return;
    this.#isAborted = true;
    const error = cause instanceof Error ? cause : new Error(String(cause));
    this.#error = error;
    this.nudge();
    this.onAbort?.(error);
  }

  /** Closes the socket. The server ends the session as soon as it notices. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.abort(lost(undefined));
    const { stream } = this.#client.connection;
    stream.destroy();
    await this.#ended.promise;
  }

  /** What has arrived before is still read: it may hold the server's reason. */
  #lose(cause: unknown): void {
    this.#error ??= lost(cause);
    this.nudge();
  }

  #arrive(frame: () => Buffer | null): void {
    try {
      const segment = frame();
      // What it would follow is dropped: whoever read on would pass over a part of the stream.
      if (segment === null || this.#isAborted) return;
      this.#queue.push(segment);
      this.#queuedBytes += segment.length;
    } catch (error) {
      this.abort(error);
      this.#client.connection.stream.destroy();
      return;
    }
    if (!this.#paused && this.#queuedBytes > this.#queueBytesMax) {
      this.#paused = true;
      this.#client.connection.stream.pause();
    }
    this.nudge();
  }
}

function ignore(): void {
  // Nothing has to be known before its turn.
}

function lost(cause: unknown): Failure {
  return new Failure('source.connection_lost', 'retry', 'the connection to the source database ended', {
    cause,
  });
}

function simpleQuery(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const message = Buffer.allocUnsafe(5 + text.length);
  message[0] = 0x51;
  message.writeInt32BE(4 + text.length, 1);
  text.copy(message, 5);
  return message;
}
