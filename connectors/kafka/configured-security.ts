import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Failure } from '../../infra/process/failure.ts';
import { envOf, flagOf } from '../../infra/process/options.ts';
import { secureContext } from './security.ts';
import type { OauthCredentials, PasswordCredentials, SecurityOptions, TlsOptions } from './security.ts';
import { SASL_MECHANISMS } from './security-options.ts';
import type { KafkaSecurityOptions } from './security-options.ts';

type Name = keyof KafkaSecurityOptions;

const TLS_NAMES = [
  'kafkaSslCaLocation',
  'kafkaSslCertificateLocation',
  'kafkaSslKeyLocation',
  'kafkaSslKeyPassword',
] as const satisfies readonly Name[];
const PASSWORD_NAMES = ['kafkaSaslUsername', 'kafkaSaslPassword'] as const satisfies readonly Name[];
const OAUTH_NAMES = [
  'kafkaSaslOauthbearerTokenEndpointUrl',
  'kafkaSaslOauthbearerClientCredentialsClientId',
  'kafkaSaslOauthbearerClientCredentialsClientSecret',
] as const satisfies readonly Name[];
const SASL_NAMES: readonly Name[] = [
  'kafkaSaslMechanism',
  ...PASSWORD_NAMES,
  ...OAUTH_NAMES,
  'kafkaSaslOauthbearerScope',
];

const listed = (names: readonly Name[]): string =>
  names.map((name) => `--${flagOf(name)} (${envOf(name)})`).join(', ');

/**
 * What the options say together; reads the files that they name.
 * @throws Failure `config.invalid` (stop) that lists every problem with the options it is about
 */
export function kafkaSecurity(options: KafkaSecurityOptions): SecurityOptions {
  const problems: string[] = [];
  const protocol = options.kafkaSecurityProtocol;
  const given = (names: readonly Name[]): readonly Name[] =>
    names.filter((name) => options[name] !== undefined);
  const useless = (names: readonly Name[], why: string): void => {
    if (given(names).length > 0) problems.push(`${listed(given(names))}: ${why}`);
  };
  const usesTls = protocol === 'SSL' || protocol === 'SASL_SSL';
  const usesSasl = protocol === 'SASL_PLAINTEXT' || protocol === 'SASL_SSL';
  const wanted = `means nothing with ${listed(['kafkaSecurityProtocol'])} ${protocol}`;
  if (!usesTls) useless(TLS_NAMES, `${wanted}; SSL or SASL_SSL is needed`);
  if (!usesSasl) useless(SASL_NAMES, `${wanted}; SASL_SSL or SASL_PLAINTEXT is needed`);
  const tls = usesTls ? tlsOf(options, problems) : undefined;
  const sasl = usesSasl ? saslOf(options, problems, useless) : undefined;
  if (problems.length > 0)
    throw new Failure('config.invalid', 'stop', `Kafka security:\n  ${problems.join('\n  ')}`);
  return { ...(tls === undefined ? {} : { tls }), ...(sasl === undefined ? {} : { sasl }) };
}

function saslOf(
  options: KafkaSecurityOptions,
  problems: string[],
  useless: (names: readonly Name[], why: string) => void,
): PasswordCredentials | OauthCredentials | undefined {
  const mechanism = options.kafkaSaslMechanism;
  if (mechanism === undefined) {
    problems.push(
      `${listed(['kafkaSaslMechanism'])}: is needed with ${options.kafkaSecurityProtocol}, one of ${SASL_MECHANISMS.join(', ')}`,
    );
    return undefined;
  }
  const missing = (names: readonly Name[]): void => {
    const absent = names.filter((name) => options[name] === undefined);
    if (absent.length > 0) problems.push(`${listed(absent)}: needed by ${mechanism}`);
  };
  if (mechanism === 'OAUTHBEARER') {
    useless(PASSWORD_NAMES, 'not used by OAUTHBEARER');
    missing(OAUTH_NAMES);
    const scope = options.kafkaSaslOauthbearerScope;
    return {
      mechanism,
      tokenEndpointUrl: options.kafkaSaslOauthbearerTokenEndpointUrl ?? '',
      clientId: options.kafkaSaslOauthbearerClientCredentialsClientId ?? '',
      clientSecret: options.kafkaSaslOauthbearerClientCredentialsClientSecret ?? '',
      ...(scope === undefined ? {} : { scope }),
    };
  }
  useless([...OAUTH_NAMES, 'kafkaSaslOauthbearerScope'], `not used by ${mechanism}`);
  missing(PASSWORD_NAMES);
  const { kafkaSaslUsername: username = '', kafkaSaslPassword: password = '' } = options;
  return { mechanism, username, password };
}

function tlsOf(options: KafkaSecurityOptions, problems: string[]): TlsOptions | undefined {
  const before = problems.length;
  const read = (name: (typeof TLS_NAMES)[number]): string | undefined => {
    const file = options[name];
    if (file === undefined) return undefined;
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      problems.push(`${listed([name])}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  const ca = read('kafkaSslCaLocation');
  const certificate = read('kafkaSslCertificateLocation');
  const key = read('kafkaSslKeyLocation');
  const keyPassword = options.kafkaSslKeyPassword;
  const pair = ['kafkaSslCertificateLocation', 'kafkaSslKeyLocation'] as const;
  if ((options[pair[0]] === undefined) !== (options[pair[1]] === undefined))
    problems.push(`${listed(pair)}: a certificate needs its key, and a key its certificate`);
  if (keyPassword !== undefined && options.kafkaSslKeyLocation === undefined)
    problems.push(`${listed(['kafkaSslKeyPassword'])}: there is no key without ${listed([pair[1]])}`);
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    ...(keyPassword === undefined ? {} : { keyPassword }),
    verifyHostname: options.kafkaSslEndpointIdentificationAlgorithm === 'https',
  };
  if (problems.length === before) problems.push(...unusable(tls));
  return tls;
}

/** OpenSSL passes over an authority that it cannot read, so that one is looked at first. */
function unusable(tls: TlsOptions): readonly string[] {
  const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
  try {
    if (tls.ca !== undefined) void new X509Certificate(tls.ca);
  } catch (error) {
    return [`${listed(['kafkaSslCaLocation'])}: is no PEM certificate: ${reasonOf(error)}`];
  }
  try {
    secureContext(tls);
    return [];
  } catch (error) {
    const names = ['kafkaSslCertificateLocation', 'kafkaSslKeyLocation', 'kafkaSslKeyPassword'] as const;
    return [`${listed(names)}: cannot be used together: ${reasonOf(error)}`];
  }
}
