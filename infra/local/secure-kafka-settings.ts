import { kafkaSettings } from './kafka-settings.ts';

/**
 * - `saslSsl`: SASL_SSL, every mechanism
 * - `mutualTls`: SSL, a client certificate is required
 * - `shortSession`: SASL_PLAINTEXT, SCRAM-SHA-256 and OAUTHBEARER, with a session that ends after some seconds
 */
export const SECURE_LISTENERS = ['plaintext', 'saslSsl', 'mutualTls', 'shortSession'] as const;
export type SecureListener = (typeof SECURE_LISTENERS)[number];

/** Milliseconds after which a connection of the listener `shortSession` has to log in anew. */
export const SHORT_SESSION_MS = 3_000;

const LISTENERS: Readonly<Record<SecureListener, { readonly name: string; readonly protocol: string }>> = {
  plaintext: { name: 'PLAINTEXT', protocol: 'PLAINTEXT' },
  saslSsl: { name: 'SECURE', protocol: 'SASL_SSL' },
  mutualTls: { name: 'MUTUAL', protocol: 'SSL' },
  shortSession: { name: 'SHORT', protocol: 'SASL_PLAINTEXT' },
};

/** PEM texts, and the users of the mechanism PLAIN; users of SCRAM are made by clients. */
export interface KafkaCredentials {
  readonly certificate: string;
  readonly key: string;
  /** Signs the certificates of clients. */
  readonly ca: string;
  readonly plainUsers: Readonly<Record<string, string>>;
  /** True: ACLs say what clients may do, those of the listener `plaintext` excepted, who may do everything. Default false. */
  readonly usesAcls?: boolean;
}

interface SecureAddresses {
  readonly controller: string;
  /** What the listeners bind to and what they tell clients, `host:port`. */
  readonly bind: Readonly<Record<SecureListener, string>>;
  readonly advertised: Readonly<Record<SecureListener, string>>;
}

const JAAS = {
  scram: 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
  // The broker takes tokens without a signature, and makes none itself.
  oauth:
    'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
};
/** Clients without a login, the node itself among them, are one principal. */
const ACLS = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
  'allow.everyone.if.no.acl.found': 'false',
};
const UNSECURED_VALIDATOR =
  'org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler';

/** One node, broker and controller, with a listener for each security protocol. */
export function secureKafkaSettings(
  credentials: KafkaCredentials,
  { controller, bind, advertised }: SecureAddresses,
): Readonly<Record<string, string>> {
  const each = (of: (listener: SecureListener) => string): string => SECURE_LISTENERS.map(of).join(',');
  return {
    ...kafkaSettings({ broker: bind.plaintext, controller, advertised: advertised.plaintext }),
    listeners: `${each((listener) => `${LISTENERS[listener].name}://${bind[listener]}`)},CONTROLLER://${controller}`,
    'advertised.listeners': each((listener) => `${LISTENERS[listener].name}://${advertised[listener]}`),
    'listener.security.protocol.map': `${each((listener) => `${LISTENERS[listener].name}:${LISTENERS[listener].protocol}`)},CONTROLLER:PLAINTEXT`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.certificate.chain': escaped(credentials.certificate),
    'ssl.keystore.key': escaped(credentials.key),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.certificates': escaped(credentials.ca),
    'listener.name.mutual.ssl.client.auth': 'required',
    ...mechanisms('secure', ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'], credentials),
    ...mechanisms('short', ['SCRAM-SHA-256', 'OAUTHBEARER'], credentials),
    'listener.name.short.scram-sha-256.connections.max.reauth.ms': String(SHORT_SESSION_MS),
    ...(credentials.usesAcls === true ? ACLS : {}),
  };
}

function mechanisms(
  listener: string,
  enabled: readonly string[],
  { plainUsers }: KafkaCredentials,
): Readonly<Record<string, string>> {
  const prefix = `listener.name.${listener}`;
  const users = Object.entries(plainUsers).map(([user, password]) => ` user_${user}="${password}"`);
  return {
    [`${prefix}.sasl.enabled.mechanisms`]: enabled.join(','),
    [`${prefix}.plain.sasl.jaas.config`]: `org.apache.kafka.common.security.plain.PlainLoginModule required${users.join('')};`,
    [`${prefix}.scram-sha-256.sasl.jaas.config`]: JAAS.scram,
    [`${prefix}.scram-sha-512.sasl.jaas.config`]: JAAS.scram,
    [`${prefix}.oauthbearer.sasl.jaas.config`]: JAAS.oauth,
    [`${prefix}.oauthbearer.sasl.server.callback.handler.class`]: UNSECURED_VALIDATOR,
  };
}

/** Lines as a `.properties` file spells them. */
const escaped = (pem: string): string => pem.trim().replaceAll(/\r?\n/g, '\\n');
