import type { Clock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { type Lsn, lsnText } from '../place/lsn.ts';
import { identifier, literal } from './sql-text.ts';
import { WireConnection, type WireOptions } from './wire-connection.ts';
import { HEADER_BYTES } from './wire-framer.ts';
import { BACKEND } from './backend-message.ts';

/** A status frame goes out at least this often; three fit into the server's patience (`wal_sender_timeout`). */
const STATUS_INTERVAL_MAX_MS = 10_000;
/** Acknowledgements after commits are at most this often: one frame serves many commits. */
const ACK_INTERVAL_MS = 100;
/** So many of the server's patience without a byte from it, though it was asked to answer: the line is dead. */
const SILENT_TIMEOUTS_MAX = 2;
/** How long the server may take to say goodbye. */
const GOODBYE_MAX_MS = 1_000;
const POSTGRES_EPOCH_MS = 946_684_800_000;

export interface StreamRequest {
  readonly slot: string;
  readonly publication: string;
  readonly start: Lsn;
  /** What the slot may forget, asked each time a status frame is written. */
  readonly flushed: () => Lsn;
}

/** Sub-messages of CopyData on a replication stream. https://www.postgresql.org/docs/current/protocol-replication.html */
export const STREAM = { xlogData: 0x77, keepalive: 0x6b } as const;
/** Message header, sub-type, three 64-bit numbers: where the plugin's bytes begin. */
export const XLOG_HEADER_BYTES = HEADER_BYTES + 1 + 24;

/**
 * A walsender session. Status frames are ours: by a timer, at once when the server asks, and soon after the flushed
 * LSN moves; they say only what `flushed` says, and go on while the socket is paused.
 */
export class ReplicationConnection implements AsyncDisposable {
  readonly wire: WireConnection;
  readonly #clock: Clock;
  readonly #timers = new DisposableStack();
  #request: StreamRequest | null = null;
  #told: Lsn = 0n;
  /** Something has arrived since the last beat of the status timer. */
  #heard = true;
  #silentMs = 0;

  private constructor(wire: WireConnection, clock: Clock) {
    this.wire = wire;
    this.#clock = clock;
  }

  static async open(options: Omit<WireOptions, 'replication'>, clock: Clock): Promise<ReplicationConnection> {
    return new ReplicationConnection(await WireConnection.open({ ...options, replication: true }), clock);
  }

  /** `serverTimeoutMs` is the session's wal_sender_timeout, 0 for none. */
  start(request: StreamRequest, serverTimeoutMs: number): void {
    this.#request = request;
    const options = `proto_version '1', publication_names ${literal(identifier(request.publication))}, messages 'true'`;
    const sql = `START_REPLICATION SLOT ${identifier(request.slot)} LOGICAL ${lsnText(request.start)} (${options})`;
    this.wire.takeOver((segment, start, end) => this.#onArrival(segment, start, end));
    this.wire.ask(sql);
    const third = serverTimeoutMs === 0 ? STATUS_INTERVAL_MAX_MS : serverTimeoutMs / 3;
    const every = Math.max(100, Math.min(STATUS_INTERVAL_MAX_MS, third));
    const silentMsMax =
      SILENT_TIMEOUTS_MAX * (serverTimeoutMs === 0 ? 6 * STATUS_INTERVAL_MAX_MS : serverTimeoutMs);
    this.#timers.use(this.#clock.every(every, () => this.#beat(every, silentMsMax)));
    this.#timers.use(this.#clock.every(ACK_INTERVAL_MS, () => this.#acknowledge()));
  }

  /** Tells the server the last flushed LSN and leaves the stream in good order, so that the slot knows it. */
  async finish(): Promise<void> {
    if (this.#request === null) return;
    this.#sendStatus();
    this.wire.write(copyDone());
    const deadline = new AbortController();
    const closed = this.#readToEnd(deadline.signal);
    await Promise.race([closed, this.#clock.sleep(GOODBYE_MAX_MS, deadline.signal)]);
    deadline.abort();
    this.wire.nudge();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timers.dispose();
    await this.wire[Symbol.asyncDispose]();
  }

  async #readToEnd(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const segment = this.wire.take();
      // The last message of the session's answer is ReadyForQuery: six bytes.
      if (segment !== null && segment[segment.length - 6] === BACKEND.ready) return;
      if (segment === null) await this.wire.readable();
    }
  }

  /** A keepalive that asks for a reply gets it now, whatever waits in the queue. */
  #onArrival(segment: Buffer, start: number, end: number): void {
    this.#heard = true;
    if (segment[start] !== BACKEND.copyData || segment[start + HEADER_BYTES] !== STREAM.keepalive) return;
    if (segment[end - 1] === 1) this.#sendStatus();
  }

  /** Asks for an answer, and gives the connection up when none of many came: the network may be cut half-open. */
  #beat(everyMs: number, silentMsMax: number): void {
    this.#silentMs = this.#heard || this.wire.paused ? 0 : this.#silentMs + everyMs;
    this.#heard = false;
    if (this.#silentMs < silentMsMax) return this.#sendStatus(true);
    const message = `nothing came from the source database for ${this.#silentMs} ms`;
    this.wire.abort(new Failure('source.silent', 'retry', message));
  }

  #acknowledge(): void {
    if (this.#request !== null && this.#request.flushed() > this.#told) this.#sendStatus();
  }

  #sendStatus(replyWanted = false): void {
    if (this.#request === null) return;
    this.#told = this.#request.flushed();
    this.wire.write(standbyStatus(this.#told, this.#clock.now(), replyWanted));
  }
}

/** Standby status update: written, flushed and applied are one thing here. */
function standbyStatus(lsn: Lsn, nowMs: number, replyWanted: boolean): Buffer {
  const message = Buffer.alloc(HEADER_BYTES + 34);
  message[0] = BACKEND.copyData;
  message.writeInt32BE(4 + 34, 1);
  message[5] = 0x72;
  message.writeBigUInt64BE(lsn, 6);
  message.writeBigUInt64BE(lsn, 14);
  message.writeBigUInt64BE(lsn, 22);
  message.writeBigInt64BE(BigInt(nowMs - POSTGRES_EPOCH_MS) * 1000n, 30);
  message[38] = replyWanted ? 1 : 0;
  return message;
}

function copyDone(): Buffer {
  return Buffer.from([BACKEND.copyDone, 0, 0, 0, 4]);
}
