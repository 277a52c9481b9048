import { HEADER_BYTES } from './wire-framer.ts';

/** Type bytes of backend messages. https://www.postgresql.org/docs/current/protocol-message-formats.html */
export const BACKEND = {
  commandComplete: 0x43,
  copyBoth: 0x57,
  copyData: 0x64,
  copyDone: 0x63,
  dataRow: 0x44,
  error: 0x45,
  notice: 0x4e,
  parameterStatus: 0x53,
  ready: 0x5a,
  rowDescription: 0x54,
} as const;

/** What to do about bytes that are no message. */
export const BAD_MESSAGE_FIX =
  'see that the server is PostgreSQL 15 to 18, and that nothing between it and the source changes bytes';

/** An ErrorResponse as an Error with Postgres's `code` (SQLSTATE), the shape that `pg`'s own errors have. */
export function backendError(segment: Buffer, start: number, end: number): Error & { readonly code: string } {
  const fields = new Map<string, string>();
  let offset = start + HEADER_BYTES;
  while (offset < end && segment[offset] !== 0) {
    const textEnd = segment.indexOf(0, offset + 1);
    if (textEnd < 0 || textEnd >= end) break;
    fields.set(String.fromCharCode(segment[offset] ?? 0), segment.toString('utf8', offset + 1, textEnd));
    offset = textEnd + 1;
  }
  const detail = fields.get('D');
  const message = `${fields.get('M') ?? 'an error without a message'}${detail === undefined ? '' : ` (${detail})`}`;
  return Object.assign(new Error(message), { code: fields.get('C') ?? 'XX000' });
}
