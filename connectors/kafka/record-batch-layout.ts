/** Positions in a record batch, magic 2: https://kafka.apache.org/documentation/#recordbatch */
export const AT = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
  records: 61,
} as const;

/** Bytes before `length` starts to count. */
export const LOG_OVERHEAD = 12;
export const MAGIC = 2;

/** The bits of `attributes`. */
export const ATTRIBUTE = {
  compressionMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
} as const;

const TWO_32 = 2 ** 32;

/** Exact up to 2^53. */
export function writeInt64(target: Buffer, at: number, value: number): void {
  target.writeInt32BE(Math.floor(value / TWO_32), at);
  target.writeUInt32BE(value >>> 0, at + 4);
}

/** Exact up to 2^53. */
export const readInt64 = (source: Buffer, at: number): number =>
  source.readInt32BE(at) * TWO_32 + source.readUInt32BE(at + 4);
