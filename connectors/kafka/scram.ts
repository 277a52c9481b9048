import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);

const DIGESTS = {
  'SCRAM-SHA-256': { name: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { name: 'sha512', bytes: 64 },
} as const;

export type ScramMechanism = keyof typeof DIGESTS;

/** Kafka's own bounds are 4096 and 16384; more than a million would only keep this client busy. */
const ITERATIONS_MIN = 4_096;
const ITERATIONS_MAX = 1_000_000;

/** No channel binding, no authorization id. */
const GS2_HEADER = 'n,,';

/** Sends one message of the mechanism and resolves with the server's. */
export type SaslExchange = (message: Buffer) => Promise<Buffer>;

/**
 * Proves to the server that the password is known here, and has it prove that it knows it too (RFC 5802, RFC 7677).
 * @param nonce printable, without commas; never used twice
 * @throws Error when the server refuses the proof or cannot give its own
 */
export async function authenticateScram(
  mechanism: ScramMechanism,
  user: { readonly username: string; readonly password: string },
  nonce: string,
  exchange: SaslExchange,
): Promise<void> {
  const digest = DIGESTS[mechanism];
  const hmac = (key: Buffer, text: string): Buffer => createHmac(digest.name, key).update(text).digest();
  const clientFirst = `n=${escapeName(user.username)},r=${nonce}`;
  const serverFirst = (await exchange(Buffer.from(GS2_HEADER + clientFirst))).toString();
  const { salt, iterations, serverNonce } = challengeOf(serverFirst, nonce);
  const salted = await derive(user.password, salt, iterations, digest.bytes, digest.name);
  const clientKey = hmac(salted, 'Client Key');
  const storedKey = createHash(digest.name).update(clientKey).digest();
  const clientFinal = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${serverNonce}`;
  const authMessage = `${clientFirst},${serverFirst},${clientFinal}`;
  const proof = xor(clientKey, hmac(storedKey, authMessage)).toString('base64');
  const serverFinal = attributes((await exchange(Buffer.from(`${clientFinal},p=${proof}`))).toString());
  checkNoError(serverFinal);
  const signature = Buffer.from(serverFinal.get('v') ?? '', 'base64');
  const expected = hmac(hmac(salted, 'Server Key'), authMessage);
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected))
    throw new Error('the server could not prove that it knows the password');
}

function challengeOf(
  message: string,
  nonce: string,
): { readonly salt: Buffer; readonly iterations: number; readonly serverNonce: string } {
  const challenge = attributes(message);
  checkNoError(challenge);
  const serverNonce = challenge.get('r') ?? '';
  if (!serverNonce.startsWith(nonce) || serverNonce.length === nonce.length)
    throw new Error("the server did not extend this client's nonce");
  const iterations = Number(challenge.get('i'));
  if (!(iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX))
    throw new Error(
      `the server asks for ${challenge.get('i')} iterations, not ${ITERATIONS_MIN} to ${ITERATIONS_MAX}`,
    );
  return { salt: Buffer.from(challenge.get('s') ?? '', 'base64'), iterations, serverNonce };
}

function checkNoError(message: ReadonlyMap<string, string>): void {
  const error = message.get('e');
  if (error !== undefined) throw new Error(`the server says ${error}`);
}

/** `r=..,s=..,i=..`; the values may hold `=`. */
function attributes(message: string): ReadonlyMap<string, string> {
  return new Map(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}

const escapeName = (name: string): string => name.replaceAll('=', '=3D').replaceAll(',', '=2C');

const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
