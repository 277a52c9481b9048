import {
  type ColumnCodec,
  type ColumnType,
  encodedBytesMax,
} from '../../../connectors/postgres-source/types/column-codec.ts';
import { columnCodec } from '../../../connectors/postgres-source/types/type-codec.ts';
import { type ColumnRule, DEFAULT_RULE } from '../../../connectors/postgres-source/types/type-policy.ts';
import { compileType } from '../../../schemas/serde/avro-type.ts';

/** The codec of a type under a rule. */
export function codecUnder(type: ColumnType, rule: Partial<ColumnRule> = {}): ColumnCodec {
  return columnCodec(type, {
    column: 'public.t.c',
    record: { name: 'c', namespace: 'public.t.column' },
    rule: { ...DEFAULT_RULE, ...rule },
    isTextUnchecked: false,
  });
}

/** The value that avsc reads from what the codec writes into just the room that it has, or `special`. */
export function decodedBy(codec: ColumnCodec, text: string): unknown {
  // The text stands in the middle of other bytes, as it does on the wire.
  const source = Buffer.from(`9${text}9`);
  const room = encodedBytesMax((source.length - 2) * (codec.growth ?? 1));
  const out = Buffer.alloc(3 + room, 0xff);
  const end = codec.write(out, 3, source, 1, source.length - 1);
  return end < 0 ? 'special' : compileType(codec.avro).fromBuffer(out.subarray(3, end));
}
