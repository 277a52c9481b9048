/** A time in bytes: 8, big-endian, so that byte order is time order from 1970 on. */
export const TIME_BYTES = 8;

const HIGH = 2 ** 32;

export function writeTime(target: Buffer, time: number, at: number): void {
  target.writeInt32BE(Math.floor(time / HIGH), at);
  target.writeUInt32BE(time >>> 0, at + 4);
}

/** @throws RangeError where fewer bytes are left */
export function readTime(source: Buffer, at: number): number {
  return source.readInt32BE(at) * HIGH + source.readUInt32BE(at + 4);
}
