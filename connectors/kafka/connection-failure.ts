import { Failure } from '../../infra/process/failure.ts';
import type { Security } from './security.ts';
import type { BrokerSockets } from './socket.ts';

interface Attempt {
  readonly security: Security;
  readonly sockets: Pick<BrokerSockets, 'answeredByTls' | 'inHandshake'>;
  /** The broker has answered something on this connection. */
  readonly spoken: boolean;
}

interface TlsProblem {
  /** Codes of OpenSSL's and Node's errors. */
  readonly code: RegExp;
  readonly what: (broker: string) => string;
  readonly fix: string;
}

/** In the order in which they are tried. https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const TLS_PROBLEMS: readonly TlsProblem[] = [
  {
    code: /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|CERT_SIGNATURE_FAILURE)$/,
    what: (broker) =>
      `the certificate of broker ${broker} is signed by an authority that is not trusted here`,
    fix: "name the PEM file of the broker's certificate authority by --kafka-ssl-ca-location",
  },
  {
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    what: (broker) => `the certificate of broker ${broker} is made out to another host`,
    fix: "let the brokers advertise a name that is in their certificate; --kafka-ssl-endpoint-identification-algorithm '' turns this check off",
  },
  {
    code: /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    what: (broker) => `the certificate of broker ${broker} is not valid at this time`,
    fix: "renew the broker's certificate, or set the clock of this machine",
  },
  {
    code: /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|HANDSHAKE_FAILURE)$/,
    what: (broker) => `broker ${broker} does not take this client's certificate, or misses one`,
    fix: 'name a certificate that the broker trusts and its key by --kafka-ssl-certificate-location and --kafka-ssl-key-location',
  },
  {
    code: /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE)$/,
    what: (broker) => `broker ${broker} does not speak TLS on this listener`,
    fix: 'set --kafka-security-protocol to PLAINTEXT or SASL_PLAINTEXT, or connect to a TLS listener',
  },
  {
    code: /^(ERR_SSL_|ERR_TLS_|CERT_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/,
    what: (broker) => `no TLS connection to broker ${broker}`,
    fix: "see the TLS versions and certificates of the broker's listener",
  },
];

/** An error of a connection, as what it is likely to mean for the person who has set it up. */
export function connectionFailure(
  error: unknown,
  apiName: string,
  broker: string,
  attempt: Attempt,
): Failure {
  return (
    tlsFailure(error, broker, attempt) ??
    new Failure('kafka.connection', 'retry', `${apiName} to broker ${broker} got no answer`, {
      cause: error,
      fix: fixOf(error, broker, attempt),
    })
  );
}

function tlsFailure(error: unknown, broker: string, { sockets }: Attempt): Failure | null {
  if (sockets.answeredByTls)
    return new Failure(
      'kafka.tls',
      'stop',
      `broker ${broker} speaks TLS on this listener, this client does not`,
      {
        cause: error,
        fix: 'set --kafka-security-protocol to SSL or SASL_SSL, or connect to a plaintext listener',
      },
    );
  const code = codeOf(error);
  const problem = TLS_PROBLEMS.find((candidate) => candidate.code.test(code));
  if (problem === undefined) return null;
  return new Failure('kafka.tls', 'stop', problem.what(broker), { cause: error, fix: problem.fix });
}

/** What a listener of another security protocol does is also what a broker does that goes down, so these are guesses. */
function fixOf(error: unknown, broker: string, { security, sockets, spoken }: Attempt): string {
  const closed = error instanceof Error && (codeOf(error) === 'ECONNRESET' || /closed/i.test(error.message));
  if (closed && sockets.inHandshake)
    return `see that the listener ${broker} speaks TLS: one that does not closes the connection like this`;
  if (closed && spoken && security.login === null)
    return `see whether the listener ${broker} asks for SASL: it then closes the connection of a client without`;
  return `see that the broker runs and that its advertised listener ${broker} can be reached from here`;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
