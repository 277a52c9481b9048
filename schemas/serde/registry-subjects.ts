import { SchemaRegistry as RegistryClient } from '@kafkajs/confluent-schema-registry';
import type { AvroSchema } from '../avro-schema.ts';
import { REGISTRY_ANSWER_MAX_MS, rethrow, statusOf } from './schema-registry.ts';

/** What a subject has in the registry. */
interface SubjectVersion {
  readonly version: number;
  readonly schema: AvroSchema;
}

/** What those who keep the schemas ask of a registry; programs that only read and write do without. */
export interface RegistrySubjects {
  /** Every version that is not deleted, oldest first; none when the subject does not exist. */
  versions(subject: string): Promise<readonly SubjectVersion[]>;
  /** The level that the registry holds the subject to; null when it has none of its own and tells none. */
  level(subject: string): Promise<string | null>;
  setLevel(subject: string, level: string): Promise<void>;
}

interface Answer<T> {
  data(): T;
}

interface OfSubject {
  readonly subject: string;
  readonly timeout: number;
}

interface SubjectCalls {
  readonly Subject: {
    latestVersion(request: OfSubject): Promise<Answer<{ readonly version: number }>>;
    version(request: OfSubject & { readonly version: number }): Promise<Answer<{ readonly schema: string }>>;
    config(request: OfSubject): Promise<Answer<{ readonly compatibilityLevel?: string }>>;
    updateConfig(
      request: OfSubject & { readonly body: { readonly compatibility: string } },
    ): Promise<unknown>;
  };
}

/** @throws Failure `registry.unreachable` (retried by the caller) */
export function connectSubjects(url: string, clientId: string): RegistrySubjects {
  const { Subject: calls }: SubjectCalls = new RegistryClient({ host: url, clientId })['api'];
  const timeout = REGISTRY_ANSWER_MAX_MS;
  return {
    async versions(subject) {
      const reading = `reading the versions of subject ${subject}`;
      const last = await unlessMissing(calls.latestVersion({ subject, timeout }), reading);
      const found: SubjectVersion[] = [];
      for (let version = 1; version <= (last?.version ?? 0); version++) {
        const one = await unlessMissing(calls.version({ subject, version, timeout }), reading);
        if (one !== null) found.push({ version, schema: JSON.parse(one.schema) as AvroSchema });
      }
      return found;
    },
    async level(subject) {
      const config = await unlessMissing(
        calls.config({ subject, timeout }),
        `reading the compatibility of subject ${subject}`,
      );
      return config?.compatibilityLevel ?? null;
    },
    async setLevel(subject, level) {
      const request = { subject, body: { compatibility: level }, timeout };
      await calls
        .updateConfig(request)
        .catch((error: unknown) => rethrow(error, `setting the compatibility of subject ${subject}`));
    },
  };
}

async function unlessMissing<T>(call: Promise<Answer<T>>, doing: string): Promise<T | null> {
  try {
    return (await call).data();
  } catch (error) {
    return statusOf(error) === 404 ? null : rethrow(error, doing);
  }
}
