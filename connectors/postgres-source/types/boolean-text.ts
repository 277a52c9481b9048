const LETTER_T = 0x74;
const ONE = 0x31;

/** `t` or `f`; `1` or `0` of a bit(1). */
export function writeBoolean(out: Buffer, at: number, source: Buffer, start: number): number {
  const byte = source[start];
  out[at] = byte === LETTER_T || byte === ONE ? 1 : 0;
  return at + 1;
}
