/**
 * A big-endian 32-bit integer, without the checks of a Buffer's own readers: messages are framed, so what is read here
 * is there. Behind the end it is some number.
 */
export function int32At(buffer: Buffer, at: number): number {
  return (
    ((buffer[at] as number) << 24) |
    ((buffer[at + 1] as number) << 16) |
    ((buffer[at + 2] as number) << 8) |
    (buffer[at + 3] as number)
  );
}
