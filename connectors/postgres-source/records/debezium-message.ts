import { FRAME_BYTES, writeFrame } from '../../../schemas/serde/wire-format.ts';
import { LONG_BYTES_MAX, writeBytes, writeLong } from '../types/avro-varint.ts';
import { DebeziumEnvelope } from './debezium-envelope.ts';
import type { DebeziumSource } from './debezium-source.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';

const VALUE_BRANCH = 2;
const NULL_BRANCH = 0;
/** Debezium gives messages a table without a name. */
const NOWHERE = { schema: '', table: '', columns: [] };

/** Logical messages as Debezium tells them: op `m`, and what was said in `message`. */
export class DebeziumMessage {
  readonly #source: DebeziumSource;
  readonly #envelope: DebeziumEnvelope;

  constructor(source: DebeziumSource) {
    this.#source = source;
    this.#envelope = new DebeziumEnvelope(NOWHERE, source, false);
  }

  key(schemaId: number, prefix: Buffer): Buffer {
    const out = Buffer.allocUnsafe(FRAME_BYTES + 1 + LONG_BYTES_MAX + prefix.length);
    writeFrame(out, schemaId);
    out[FRAME_BYTES] = VALUE_BRANCH;
    return out.subarray(0, writeBytes(out, FRAME_BYTES + 1, prefix, 0, prefix.length));
  }

  value(schemaId: number, prefix: Buffer, content: Buffer, head: TransactionHead): Buffer {
    const texts = prefix.length + content.length + 4 * LONG_BYTES_MAX;
    const out = Buffer.allocUnsafe(FRAME_BYTES + this.#envelope.bytesMax + texts);
    writeFrame(out, schemaId);
    let at = FRAME_BYTES;
    out[at++] = 2;
    out[at++] = 'm'.charCodeAt(0);
    out[at++] = VALUE_BRANCH;
    at = writeLong(out, at, this.#source.clock.now());
    at = this.#envelope.writeSource(out, at, 'm', head);
    out[at++] = NULL_BRANCH;
    out[at++] = VALUE_BRANCH;
    at = writeBytes(out, at, prefix, 0, prefix.length);
    out[at++] = VALUE_BRANCH;
    return out.subarray(0, writeBytes(out, at, content, 0, content.length));
  }
}
