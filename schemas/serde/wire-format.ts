import { Failure } from '../../infra/process/failure.ts';

/**
 * Confluent wire format: one zero byte, the schema id as four bytes big-endian, then the Avro body.
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 */
export const FRAME_BYTES = 5;

/** Body with its frame, in one new buffer. */
export function frame(schemaId: number, body: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(FRAME_BYTES + body.length);
  writeFrame(framed, schemaId);
  framed.set(body, FRAME_BYTES);
  return framed;
}

export function writeFrame(target: Buffer, schemaId: number): void {
  target[0] = 0;
  target.writeInt32BE(schemaId, 1);
}

/** @throws Failure `serde.not_framed`, a dead letter: the bytes were not written by a registry-aware producer */
export function schemaIdOf(framed: Buffer): number {
  if (framed.length < FRAME_BYTES || framed[0] !== 0)
    throw new Failure(
      'serde.not_framed',
      'dead-letter',
      `${framed.length} bytes do not begin with the Confluent frame (magic byte 0 and a schema id)`,
    );
  return framed.readInt32BE(1);
}

/**
 * The Avro body of a framed key, a view. Partitions and stores go by it, because the schema id must not decide
 * where a key lives.
 */
export function bodyOf(framed: Buffer): Buffer {
  schemaIdOf(framed);
  return framed.subarray(FRAME_BYTES);
}
