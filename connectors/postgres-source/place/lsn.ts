/**
 * A place in the write-ahead log, in bytes. Postgres prints it as two hexadecimal halves (`16/B374D848`).
 * https://www.postgresql.org/docs/current/datatype-pg-lsn.html
 */
export type Lsn = bigint;

const TEXT = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** @throws SyntaxError for anything but `X/Y` */
export function parseLsn(text: string): Lsn {
  const match = TEXT.exec(text);
  if (match === null) throw new SyntaxError(`not an LSN: "${text}"`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

export function lsnText(lsn: Lsn): string {
  const low = (lsn & 0xffffffffn).toString(16).toUpperCase();
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${low}`;
}
