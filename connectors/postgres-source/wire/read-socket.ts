import { Socket } from 'node:net';

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
  /** Whoever wants the bytes from the next read on. */
  target: ReadTarget | null = null;
  #room: Buffer = Buffer.allocUnsafeSlow(LOGIN_BYTES);
  /** Whose memory the system is reading into. */
  #owner: ReadTarget | null = null;

  constructor() {
    this.socket = new Socket({
      onread: {
        buffer: () => this.#nextRoom(),
        callback: (bytes) => {
          this.#arrived(bytes);
          return true;
        },
      },
    });
  }

  #nextRoom(): Buffer {
    this.#owner = this.target;
    if (this.#owner !== null) this.#room = this.#owner.room();
    return this.#room;
  }

  #arrived(bytes: number): void {
    if (this.target === null) this.socket.emit('data', Buffer.from(this.#room.subarray(0, bytes)));
    else if (this.#owner === this.target) this.target.arrived(bytes);
    else this.target.push(this.#room.subarray(0, bytes));
  }
}
