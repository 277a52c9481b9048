import { z } from 'zod';
import type { OptionSpecs, Options } from '../../infra/process/options.ts';

const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;
export const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;

/** Empty is not given: compose files pass on variables that nobody has set as empty ones. */
const text = z
  .string()
  .optional()
  .transform((value) => (value === '' ? undefined : value));

const nameOf = <T extends string>(names: readonly [T, ...T[]]) =>
  z.string().toUpperCase().pipe(z.enum(names));

/**
 * How brokers are talked to: the Java client's settings by their names, with PEM files (`ssl.*.location`) named as
 * librdkafka does.
 */
export const KAFKA_SECURITY_OPTIONS = {
  kafkaSecurityProtocol: {
    schema: text.transform((value) => value ?? 'PLAINTEXT').pipe(nameOf(PROTOCOLS)),
    help: `how brokers are talked to: ${PROTOCOLS.join(', ')}`,
    envFallback: 'KAFKA_SECURITY_PROTOCOL',
  },
  kafkaSslCaLocation: {
    schema: text,
    help: "PEM file of the authorities that sign brokers' certificates; else those that Node trusts",
    envFallback: 'KAFKA_SSL_CA_LOCATION',
  },
  kafkaSslCertificateLocation: {
    schema: text,
    help: "PEM file of this client's certificate, for brokers that ask for one",
    envFallback: 'KAFKA_SSL_CERTIFICATE_LOCATION',
  },
  kafkaSslKeyLocation: {
    schema: text,
    help: "PEM file of the certificate's private key",
    envFallback: 'KAFKA_SSL_KEY_LOCATION',
  },
  kafkaSslKeyPassword: {
    schema: text,
    help: 'password of the private key',
    envFallback: 'KAFKA_SSL_KEY_PASSWORD',
    secret: true,
  },
  kafkaSslEndpointIdentificationAlgorithm: {
    schema: z
      .string()
      .toLowerCase()
      .pipe(z.enum(['https', 'none', '']))
      .default('https'),
    help: "https: a broker's certificate has to name its host; empty or none: it need not",
    envFallback: 'KAFKA_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM',
  },
  kafkaSaslMechanism: {
    schema: text.pipe(nameOf(SASL_MECHANISMS).optional()),
    help: `how this client proves who it is: ${SASL_MECHANISMS.join(', ')}`,
    envFallback: 'KAFKA_SASL_MECHANISM',
  },
  kafkaSaslUsername: {
    schema: text,
    help: 'user of PLAIN and SCRAM',
    envFallback: 'KAFKA_SASL_USERNAME',
  },
  kafkaSaslPassword: {
    schema: text,
    help: 'password of PLAIN and SCRAM',
    envFallback: 'KAFKA_SASL_PASSWORD',
    secret: true,
  },
  kafkaSaslOauthbearerTokenEndpointUrl: {
    schema: text.pipe(z.url({ protocol: /^https?$/, error: 'an http or https URL is expected' }).optional()),
    help: 'where OAUTHBEARER gets its tokens by client credentials',
    envFallback: 'KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL',
  },
  kafkaSaslOauthbearerClientCredentialsClientId: {
    schema: text,
    help: 'client id at the token endpoint',
    envFallback: 'KAFKA_SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_ID',
  },
  kafkaSaslOauthbearerClientCredentialsClientSecret: {
    schema: text,
    help: 'client secret at the token endpoint',
    envFallback: 'KAFKA_SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_SECRET',
    secret: true,
  },
  kafkaSaslOauthbearerScope: {
    schema: text,
    help: 'scope that the token is asked for; the endpoint may have a default',
    envFallback: 'KAFKA_SASL_OAUTHBEARER_SCOPE',
  },
} as const satisfies OptionSpecs;

export type KafkaSecurityOptions = Options<typeof KAFKA_SECURITY_OPTIONS>;
