/** Castagnoli polynomial, reflected: the checksum of Kafka's record batches (RFC 3720 B.4). */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

const tables: readonly Int32Array[] = buildTables();

function buildTables(): Int32Array[] {
  const built = Array.from({ length: SLICES }, () => new Int32Array(256));
  const [first] = built;
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first![byte] = crc;
  }
  for (let slice = 1; slice < SLICES; slice++)
    for (let byte = 0; byte < 256; byte++) {
      const previous = built[slice - 1]![byte]!;
      built[slice]![byte] = (previous >>> 8) ^ first![previous & 0xff]!;
    }
  return built;
}

const [T0, T1, T2, T3, T4, T5, T6, T7] = tables as unknown as readonly [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** CRC-32C of `bytes[start, end)`, unsigned. Takes eight bytes a step. */
export function crc32c(bytes: Buffer, start = 0, end = bytes.length): number {
  let crc = -1;
  let at = start;
  for (const last = end - 7; at < last; at += 8) {
    const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    crc =
      T7[low & 0xff]! ^
      T6[(low >>> 8) & 0xff]! ^
      T5[(low >>> 16) & 0xff]! ^
      T4[low >>> 24]! ^
      T3[bytes[at + 4]!]! ^
      T2[bytes[at + 5]!]! ^
      T1[bytes[at + 6]!]! ^
      T0[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ T0[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}
