import { generate } from 'selfsigned';

export interface CertificateAndKey {
  /** PEM */
  readonly certificate: string;
  /** PEM, PKCS #8 */
  readonly key: string;
}

const named = (commonName: string) => [{ name: 'commonName', value: commonName }];
const STRONG = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/** A certificate authority that nobody trusts yet. */
export async function makeAuthority(commonName: string): Promise<CertificateAndKey> {
  const made = await generate(named(commonName), {
    ...STRONG,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { certificate: made.cert, key: made.private };
}

/** For a server at an IP address, and at no name. */
export async function makeServerCertificate(
  authority: CertificateAndKey,
  ip: string,
): Promise<CertificateAndKey> {
  const made = await generate(named('broker'), {
    ...STRONG,
    ca: { cert: authority.certificate, key: authority.key },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip }] },
    ],
  });
  return { certificate: made.cert, key: made.private };
}

/** @param keyPassword encrypts the key */
export async function makeClientCertificate(
  authority: CertificateAndKey,
  commonName: string,
  keyPassword?: string,
): Promise<CertificateAndKey> {
  const made = await generate(named(commonName), {
    ...STRONG,
    ca: { cert: authority.certificate, key: authority.key },
    ...(keyPassword === undefined ? {} : { passphrase: keyPassword }),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'extKeyUsage', clientAuth: true },
    ],
  });
  return { certificate: made.cert, key: made.private };
}
