import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** Prefix of the transactional message in the WAL that asks for a backfill. */
export const BACKFILL_MESSAGE = 'millrace.backfill';

/** `pause` and `resume` keep the place of a copy, `cancel` gives it up: what of the table is not in Kafka stays out. */
export const COPY_ACTIONS = ['copy', 'pause', 'resume', 'cancel'] as const;

const requestJson = z.object({
  action: z.enum(COPY_ACTIONS).default('copy'),
  oid: z.number().int().positive(),
  where: z.string().min(1).nullable(),
  /** HMAC-SHA-256 of the request, hexadecimal. */
  signature: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
});

export interface BackfillRequest {
  readonly action: (typeof COPY_ACTIONS)[number];
  /** Of the published table. */
  readonly oid: number;
  /** SQL condition that chooses the rows, null for all. */
  readonly where: string | null;
}

/**
 * Every role of a database may write messages into the WAL. A condition is SQL that the source runs as its own role, and
 * a copy that is paused or cancelled keeps rows from those who wait for them. So these are signed with what only the
 * owner of the source's role knows: its password.
 */
export function encodeBackfill(request: BackfillRequest, password: string): string {
  const signature = needsSignature(request) ? sign(request, password).toString('hex') : null;
  return JSON.stringify({ ...request, signature });
}

/** True for what not everybody who may write messages may ask for. */
export function needsSignature({ action, where }: BackfillRequest): boolean {
  return action !== 'copy' || where !== null;
}

/** Null for a text that is no request, or that the password's owner did not sign where that is needed. */
export function decodeBackfill(content: string, password: string): BackfillRequest | null {
  const parsed = requestJson.safeParse(jsonOrNull(content));
  if (!parsed.success) return null;
  const { signature, ...request } = parsed.data;
  if (!needsSignature(request)) return request;
  if (signature === null || password === '') return null;
  return timingSafeEqual(Buffer.from(signature, 'hex'), sign(request, password)) ? request : null;
}

/** The password in a `postgres://` URL; empty where it has none. */
export function passwordOf(databaseUrl: string): string {
  const { password } = new URL(databaseUrl);
  try {
    return decodeURIComponent(password);
  } catch {
    // `pg` takes a percent sign that begins no code as it stands.
    return password;
  }
}

function sign({ action, oid, where }: BackfillRequest, password: string): Buffer {
  return createHmac('sha256', password)
    .update(JSON.stringify([action, oid, where]))
    .digest();
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
