import avro, { type Type } from 'avsc';

/** Where avsc reads: what of its `Tap` this needs. */
interface Tap {
  readonly buf: Buffer;
  pos: number;
  readLong(): number;
  readString(): string;
}

/** What avsc calls of a type. */
interface Reader {
  _read(tap: Tap): unknown;
  _skip(tap: Tap): void;
}

/** avsc's constructors, which it lets nobody call by its declarations; `options` carry the names that are known so far. */
const base = avro.types as unknown as Readonly<
  Record<
    'ArrayType' | 'MapType',
    new (schema: object, options: object) => { readonly itemsType: Reader; readonly valuesType: Reader }
  >
>;

/**
 * avsc believes the number of items in front of a block and reads on behind the end of the bytes, as far as that number
 * says: five damaged bytes take all memory, or all time. An item has a byte at least, so no block has more items than bytes
 * are left. Items without bytes (`null`, a record without fields) cannot be bounded, and are refused.
 */
class BoundedArray extends base.ArrayType implements Reader {
  _read(tap: Tap): unknown[] {
    const items: unknown[] = [];
    for (let count = blockItems(tap); count > 0; count = blockItems(tap))
      for (; count > 0; count--) items.push(this.itemsType._read(tap));
    return items;
  }

  _skip(tap: Tap): void {
    for (let count = skippedItems(tap); count > 0; count = skippedItems(tap))
      for (; count > 0; count--) this.itemsType._skip(tap);
  }
}

/** As {@link BoundedArray}; and every key is a member, `__proto__` too, which an assignment would lose. */
class BoundedMap extends base.MapType implements Reader {
  _read(tap: Tap): Record<string, unknown> {
    const members: Record<string, unknown> = {};
    for (let count = blockItems(tap); count > 0; count = blockItems(tap))
      for (; count > 0; count--) {
        const key = tap.readString();
        const value = this.valuesType._read(tap);
        if (key === '__proto__') Object.defineProperty(members, key, { value, ...MEMBER });
        else members[key] = value;
      }
    return members;
  }

  _skip(tap: Tap): void {
    for (let count = skippedItems(tap); count > 0; count = skippedItems(tap))
      for (; count > 0; count--) {
        tap.pos = within(tap, tap.readLong());
        this.valuesType._skip(tap);
      }
  }
}

const MEMBER = { enumerable: true, writable: true, configurable: true } as const;

/** An array or a map whose blocks are bounded, for avsc's `typeHook`; undefined for a schema of another type. */
export function boundedCollection(schema: unknown, options: object): Type | undefined {
  if (typeof schema !== 'object' || schema === null || !('type' in schema)) return undefined;
  const named = schema.type;
  if (named !== 'array' && named !== 'map') return undefined;
  const made = named === 'array' ? new BoundedArray(schema, options) : new BoundedMap(schema, options);
  return made as unknown as Type;
}

/** Items of the block that begins here; 0 behind the last one. @throws RangeError for more than can be there */
function blockItems(tap: Tap): number {
  const count = tap.readLong();
  // The bytes of the block come behind a negative number; who reads every item need not know them.
  if (count < 0) tap.readLong();
  return bounded(tap, Math.abs(count));
}

/** As {@link blockItems}, past the blocks that tell their bytes. */
function skippedItems(tap: Tap): number {
  for (;;) {
    const count = tap.readLong();
    if (count >= 0) return bounded(tap, count);
    tap.pos = within(tap, tap.readLong());
  }
}

function bounded(tap: Tap, count: number): number {
  const left = tap.buf.length - tap.pos;
  if (count > 0 && !(count <= left)) throw new RangeError(`a block of ${count} items in ${left} bytes`);
  return count;
}

/** The place behind some bytes. @throws RangeError for one before here, or behind the end */
function within({ buf, pos }: Tap, bytes: number): number {
  if (bytes >= 0 && bytes <= buf.length - pos) return pos + bytes;
  throw new RangeError(`${bytes} bytes at byte ${pos} of ${buf.length}`);
}
