import { SchemaRegistry as RegistryClient } from '@kafkajs/confluent-schema-registry';
import { Failure } from '../../infra/process/failure.ts';
import type { AvroSchema } from '../avro-schema.ts';

/** The four things Millrace asks of a Confluent-compatible registry. Calls are cached for the process's life. */
export interface SchemaRegistry {
  /** Registers under `subject` (TopicNameStrategy: `<topic>-key`, `<topic>-value`), or finds the same schema's id. */
  register(subject: string, schema: AvroSchema): Promise<number>;
  /** The writer's schema of a framed message. */
  schemaById(id: number): Promise<AvroSchema>;
  /** The newest schema of a subject, or null when the subject does not exist. Never cached. */
  latest(subject: string): Promise<{ readonly id: number; readonly schema: AvroSchema } | null>;
}

/** A registry that takes a request and never answers is as good as none. Each call is tried four times. */
export const REGISTRY_ANSWER_MAX_MS = 10_000;

interface RegistryOptions {
  /** Base URL, e.g. `http://localhost:8081` or Apicurio's `http://host:port/apis/ccompat/v7`. */
  readonly url: string;
  readonly clientId: string;
  /** Of one try. */
  readonly answerMaxMs?: number;
  /**
   * The command that registers schemas where programs do not (`auto.register.schemas` is false). With it `register` registers
   * nothing: it finds the id of what the command has registered, or fails.
   */
  readonly registeredBy?: string;
}

interface Answer<T> {
  data(): T;
}

interface Registration {
  readonly subject: string;
  readonly body: { readonly schema: string };
  readonly timeout: number;
}

/**
 * The client's REST calls, without what it does around them: its `register()` refuses a second version where the
 * subject's compatibility is not the one it has in mind and refuses schemas without a name, and its `getSchema()`
 * gives a schema back without logical types and attributes.
 */
interface RegistryCalls {
  readonly Schema: {
    find(request: { id: number; timeout: number }): Promise<Answer<{ readonly schema: string }>>;
  };
  readonly Subject: {
    register(request: Registration): Promise<Answer<{ readonly id: number }>>;
    /** Looks up; registers nothing. */
    registered(request: Registration): Promise<Answer<{ readonly id: number }>>;
    latestVersion(request: {
      subject: string;
      timeout: number;
    }): Promise<Answer<{ readonly id: number; readonly schema: string }>>;
  };
}

/**
 * The registry over HTTP.
 * @throws Failure `registry.incompatible` (409), `registry.invalid` (422), `registry.denied` (401, 403),
 * `registry.unreachable` and `registry.read_only` (retried by the caller), `registry.not_registered` where nothing is registered by itself
 */
export function connectRegistry(options: RegistryOptions): SchemaRegistry {
  const calls: RegistryCalls = new RegistryClient({ host: options.url, clientId: options.clientId })['api'];
  const { registeredBy } = options;
  const timeout = options.answerMaxMs ?? REGISTRY_ANSWER_MAX_MS;
  const registered = new Map<string, Promise<number>>();
  const byId = new Map<number, Promise<AvroSchema>>();
  return {
    register(subject, schema) {
      const text = JSON.stringify(schema);
      return cached(registered, `${subject}\n${text}`, async () => {
        const request = { subject, body: { schema: text }, timeout };
        const answer =
          registeredBy !== undefined
            ? await calls.Subject.registered(request).catch((error: unknown) =>
                rethrowUnregistered(error, subject, registeredBy),
              )
            : await calls.Subject.register(request).catch((error: unknown) =>
                rethrow(error, `registering a schema under subject ${subject}`),
              );
        return answer.data().id;
      });
    },
    schemaById(id) {
      return cached(byId, id, async () => {
        const answer = await calls.Schema.find({ id, timeout }).catch((error: unknown) =>
          rethrow(error, `reading the schema with id ${id}`),
        );
        return JSON.parse(answer.data().schema) as AvroSchema;
      });
    },
    async latest(subject) {
      try {
        const { id, schema } = (await calls.Subject.latestVersion({ subject, timeout })).data();
        return { id, schema: JSON.parse(schema) as AvroSchema };
      } catch (error) {
        if (statusOf(error) === 404) return null;
        return rethrow(error, `reading the newest schema of subject ${subject}`);
      }
    },
  };
}

function cached<K, V>(cache: Map<K, Promise<V>>, key: K, load: () => Promise<V>): Promise<V> {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const loading = load();
  cache.set(key, loading);
  loading.catch(() => cache.delete(key));
  return loading;
}

function rethrowUnregistered(error: unknown, subject: string, command: string): never {
  if (statusOf(error) !== 404) return rethrow(error, `looking for a schema under subject ${subject}`);
  throw new Failure(
    'registry.not_registered',
    'stop',
    `subject ${subject} does not have the schema that is written here, and nothing is registered by itself (auto-register-schemas is false)`,
    {
      cause: error,
      fix: `register it: ${command}`,
    },
  );
}

/** From here on HTTP statuses speak of the server. */
const SERVER_ERROR = 500;

/** Of an answer of the registry; what had no answer has 400 from the client. */
export function statusOf(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : undefined;
}

/** Apicurio says it with 409, as it says incompatible; Confluent's registry with 422, as it says invalid. */
const READ_ONLY = /in read-?only mode/i;

interface Refusal {
  readonly code: string;
  readonly what: string;
  readonly fix: string;
}

const DENIED: Refusal = {
  code: 'registry.denied',
  what: 'the registry does not let this client do it',
  fix: 'give the role the right in the registry, or in the proxy before it; a user and password may stand in --schema-registry-url',
};

/** Answers that asking again does not change, by their HTTP status; the registry's own words are the cause. */
const REFUSALS: Readonly<Record<number, Refusal>> = {
  401: DENIED,
  403: DENIED,
  404: {
    code: 'registry.not_found',
    what: 'not in the registry',
    fix: 'see that --schema-registry-url is the registry that the topics were written with, and that nobody has deleted the schema',
  },
  409: {
    code: 'registry.incompatible',
    what: 'the registry refuses it as incompatible',
    fix: 'make the change compatible (nullable with a default), or set the compatibility of the subject',
  },
  422: {
    code: 'registry.invalid',
    what: 'the registry does not take it',
    fix: 'see what the registry says, behind this: mostly the schema is no valid Avro',
  },
};

/** What a call of the registry failed with, as a Failure. */
export function rethrow(error: unknown, doing: string): never {
  if (error instanceof Failure) throw error;
  const status = statusOf(error) ?? 0;
  if (status < SERVER_ERROR && error instanceof Error && READ_ONLY.test(error.message))
    throw new Failure('registry.read_only', 'retry', `${doing}: the registry is read-only (HTTP ${status})`, {
      cause: error,
      fix: 'let it be written to again: it is asked until then',
    });
  const refusal = REFUSALS[status];
  if (refusal !== undefined) {
    const { code, what, fix } = refusal;
    throw new Failure(code, 'stop', `${doing}: ${what} (HTTP ${status})`, { cause: error, fix });
  }
  const what =
    status >= SERVER_ERROR
      ? `the schema registry answered HTTP ${status}`
      : 'no answer from the schema registry';
  throw new Failure('registry.unreachable', 'retry', `${doing}: ${what}`, {
    cause: error,
    fix: 'see that the registry and its storage work, and that --schema-registry-url can be reached from here',
  });
}
