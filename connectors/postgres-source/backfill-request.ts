import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** Prefix of the transactional message in the WAL that asks for a backfill. */
export const BACKFILL_MESSAGE = 'millrace.backfill';

const requestJson = z.object({
  oid: z.number().int().positive(),
  where: z.string().min(1).nullable(),
  /** HMAC-SHA-256 of the condition, hexadecimal. */
  signature: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
});

export interface BackfillRequest {
  /** Of the published table. */
  readonly oid: number;
  /** SQL condition that chooses the rows, null for all. */
  readonly where: string | null;
}

/**
 * Every role of a database may write messages into the WAL, and the condition is SQL that the source runs as its own
 * role. So a condition is signed with what only the owner of that role knows: its password.
 */
export function encodeBackfill(request: BackfillRequest, password: string): string {
  const signature = request.where === null ? null : sign(request, password).toString('hex');
  return JSON.stringify({ ...request, signature });
}

/** Null for a text that is no request, or whose condition the password's owner did not write. */
export function decodeBackfill(content: string, password: string): BackfillRequest | null {
  const parsed = requestJson.safeParse(jsonOrNull(content));
  if (!parsed.success) return null;
  const { oid, where, signature } = parsed.data;
  const request = { oid, where };
  if (where === null) return request;
  if (signature === null || password === '') return null;
  return timingSafeEqual(Buffer.from(signature, 'hex'), sign(request, password)) ? request : null;
}

/** The password in a `postgres://` URL; empty where it has none. */
export function passwordOf(databaseUrl: string): string {
  return decodeURIComponent(new URL(databaseUrl).password);
}

function sign(request: BackfillRequest, password: string): Buffer {
  return createHmac('sha256', password).update(`${request.oid}\n${request.where}`).digest();
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
