const ZERO = 0x30;

/** The number that the decimal digits in [start, end) write; at most 15 of them, so that it is exact. */
export function digits(source: Buffer, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) value = value * 10 + (source[i] as number) - ZERO;
  return value;
}

/** Where the run of digits that begins at `start` ends. */
export function digitsEnd(source: Buffer, start: number, end: number): number {
  let offset = start;
  while (offset < end && isDigit(source[offset])) offset++;
  return offset;
}

export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}
