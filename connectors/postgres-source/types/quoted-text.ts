const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const BYTES_MIN = 256;
/** A longer text does not leave its memory behind. */
const KEPT_BYTES_MAX = 1024 * 1024;

/**
 * Where the quoted text ends whose opening quote is at `open`: the place of its closing quote. Arrays, composites and
 * hstore quote alike: `\` takes the next character as it is, and composites double their quotes as well.
 */
export function closingQuote(source: Buffer, open: number, end: number): number {
  let at = open + 1;
  while (at < end) {
    const byte = source[at];
    if (byte === BACKSLASH) at++;
    else if (byte === QUOTE) {
      if (source[at + 1] !== QUOTE || at + 1 >= end) return at;
      at++;
    }
    at++;
  }
  return end;
}

export function hasEscapes(source: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = source[at];
    if (byte === BACKSLASH || byte === QUOTE) return true;
  }
  return false;
}

/** Memory for what stood between quotes, without its escapes. One text at a time: the next one overwrites it. */
export class UnquotedText {
  bytes: Buffer = Buffer.allocUnsafeSlow(BYTES_MIN);

  /** Takes what is between the quotes and gives its length; it stands at the beginning of `bytes`. */
  load(source: Buffer, start: number, end: number): number {
    this.#makeRoom(end - start);
    let length = 0;
    for (let at = start; at < end; at++) {
      const byte = source[at] as number;
      if (byte === BACKSLASH || byte === QUOTE) at++;
      this.bytes[length++] = source[at] as number;
    }
    return length;
  }

  #makeRoom(bytes: number): void {
    const kept = this.bytes.length;
    if (bytes <= kept && (kept <= KEPT_BYTES_MAX || bytes > KEPT_BYTES_MAX)) return;
    this.bytes = Buffer.allocUnsafeSlow(Math.max(BYTES_MIN, bytes + (bytes >> 1)));
  }
}
