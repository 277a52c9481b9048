import { Socket } from 'node:net';
import { type Clock, hasPassed } from '../../../infra/process/clock.ts';

/**
 * A replication stream comes message by message, and whoever asks for each at once is woken for each, which costs both
 * sides more than the message. When so many reads in a beat have brought so much, the next one waits a beat: what has
 * come by then is read at once. Nothing waits in a stream of less than some 5 MB a second.
 */
const BEAT_MS = 5;
const BEAT_READS = 4;
const BEAT_BYTES = 24 * 1024;

/** What a login is read into, before anybody takes the bytes over. */
const LOGIN_BYTES = 16 * 1024;

/** Gives the memory that a socket reads into, and is told how much of it was filled. */
export interface ReadTarget {
  readonly room: () => Buffer;
  readonly arrived: (bytes: number) => void;
  /** Bytes that came into other memory. */
  readonly push: (chunk: Buffer) => void;
}

/**
 * A socket that reads into memory of its target's choice: no buffer is made for each read, and none has to be collected.
 * Until it has a target it emits `data`, as others do.
 */
export class ReadSocket {
  readonly socket: Socket;
  readonly #clock: Clock;
  readonly #isStream: boolean;
  /** Whoever wants the bytes from the next read on. */
  target: ReadTarget | null = null;
  #room: Buffer = Buffer.allocUnsafeSlow(LOGIN_BYTES);
  /** Whose memory the system is reading into. */
  #owner: ReadTarget | null = null;
  #beatMs = 0;
  #reads = 0;
  #bytes = 0;

  /** `isStream`: what is read is a replication stream, which is let gather. */
  constructor(clock: Clock, isStream: boolean) {
    this.#clock = clock;
    this.#isStream = isStream;
    this.socket = new Socket({
      onread: {
        buffer: () => this.#nextRoom(),
        callback: (bytes) => {
          this.#arrived(bytes);
          return !this.#rests(bytes);
        },
      },
    });
  }

  #nextRoom(): Buffer {
    this.#owner = this.target;
    if (this.#owner !== null) this.#room = this.#owner.room();
    return this.#room;
  }

  #rests(bytes: number): boolean {
    if (!this.#isStream || this.target === null) return false;
    const nowMs = this.#clock.now();
    if (hasPassed(nowMs, this.#beatMs, BEAT_MS)) {
      this.#beatMs = nowMs;
      this.#reads = 0;
      this.#bytes = 0;
    }
    this.#reads++;
    this.#bytes += bytes;
    if (this.#reads < BEAT_READS || this.#bytes < BEAT_BYTES) return false;
    void this.#clock.sleep(BEAT_MS).then(() => {
      // Whoever paused it meanwhile resumes it.
      if (!this.socket.isPaused() && !this.socket.destroyed) this.socket.resume();
    });
    return true;
  }

  #arrived(bytes: number): void {
    if (this.target === null) this.socket.emit('data', Buffer.from(this.#room.subarray(0, bytes)));
    else if (this.#owner === this.target) this.target.arrived(bytes);
    else this.target.push(this.#room.subarray(0, bytes));
  }
}
