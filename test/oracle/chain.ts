import { fileURLToPath } from 'node:url';
import { connectKafka } from '../../connectors/kafka/kafka.ts';
import type { Kafka, TopicPartition } from '../../connectors/kafka/port.ts';
import { sourceRoleSql } from '../../connectors/postgres-source/source-role.ts';
import type { Clock } from '../../infra/process/clock.ts';
import { silentLog } from '../../infra/process/log.ts';
import { applicationNames } from '../../processors/engine/runtime/application-names.ts';
import { untilCopied, untilNothing } from '../chaos/copy-progress.ts';
import { type DatabaseSession, databaseSession } from '../chaos/source/database-session.ts';
import { type SourceFleet, sourceFleet } from '../chaos/source/source-fleet.ts';
import { urlWith } from '../chaos/source/source-servers.ts';
import type { OracleServers } from './oracle-servers.ts';
import { PARTITIONS, inputs } from './event-topics.ts';
import { PIPELINES } from './pipelines.ts';
import { SESSION_TIMEOUT_MS } from './role-faults.ts';
import { type Role, RoleFleet } from './role-fleet.ts';
import type { Target } from './targets.ts';

const PREFIX = 'oracle';
export const SLOT = 'oracle';
export const PUBLICATION = 'millrace';
const NAMES = { user: 'oracle_source', slotName: SLOT, publicationName: PUBLICATION };
const PASSWORD = 'reads-the-log';
const PROCESSORS_EACH = 2;
const SINKS = 2;
const CATCH_UP_MAX_MS = 240_000;
/** A repartitioned record may be repartitioned again, and a foreign key's answer comes back. */
const REPARTITIONS_IN_A_ROW = 3;
/** Small, so that large transactions are split and copies have many chunks. */
const SOURCE_FLAGS = { 'chunk-rows-max': '500', 'batch-bytes-max': String(256 * 1024) };

const program = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What the source does about a large value that did not change. */
export type Toast = 'fill' | 'mark';

export interface ChainOptions {
  readonly servers: OracleServers;
  readonly targets: readonly Target[];
  readonly folder: string;
  readonly toast: Toast;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** The source, the processors and the sinks as processes of their own. */
export class OracleChain implements AsyncDisposable {
  /** The source's own, past the relay. */
  readonly sourceRoleUrl: string;
  readonly source: SourceFleet;
  readonly processors: RoleFleet;
  readonly sinks: RoleFleet;
  readonly #options: ChainOptions;
  readonly #kafka: Kafka;

  private constructor(options: ChainOptions, kafka: Kafka) {
    const { servers, targets, toast, ...fleet } = options;
    const { cluster, registry, relay } = servers.source;
    this.sourceRoleUrl = urlWith(servers.sourceUrl, { user: NAMES.user, password: PASSWORD });
    const common = {
      kafkaBootstrapServers: cluster.brokers,
      schemaRegistryUrl: registry.url,
      topicPrefix: PREFIX,
    };
    const group = { ...common, sessionTimeoutMs: SESSION_TIMEOUT_MS };
    const databaseUrl = urlWith(servers.targetUrl, { port: new URL(servers.targetRelay.url).port });
    const tables = targets.map(({ topic, table }) => `${topic}=public.${table}`).join(',');
    this.#options = options;
    this.#kafka = kafka;
    this.source = sourceFleet({
      ...fleet,
      flags: {
        ...SOURCE_FLAGS,
        toast,
        'database-url': urlWith(this.sourceRoleUrl, { port: new URL(relay.url).port }),
        'kafka-bootstrap-servers': common.kafkaBootstrapServers,
        'schema-registry-url': common.schemaRegistryUrl,
        'topic-prefix': PREFIX,
        'slot-name': NAMES.slotName,
        'publication-name': NAMES.publicationName,
        partitions: String(PARTITIONS),
      },
    });
    const processors = PIPELINES.flatMap(({ name }) =>
      numbered(PROCESSORS_EACH, (instance): Role => {
        const flags = { ...group, pipeline: name, instance };
        return { name: `${name}-${instance}`, program: program('processor/main.ts'), flags };
      }),
    );
    this.processors = new RoleFleet(processors, fleet);
    const sinks = numbered(SINKS, (instance): Role => {
      const flags = { ...group, databaseUrl, tables, instance };
      return { name: `sink-${instance}`, program: program('../../connectors/postgres-sink/main.ts'), flags };
    });
    this.sinks = new RoleFleet(sinks, fleet);
  }

  /** Lets the source read `tables` and starts everything; resolves when the first copy of the tables is in Kafka. */
  static async start(options: ChainOptions, tables: readonly string[]): Promise<OracleChain> {
    const { servers, clock } = options;
    await using session = databaseSession(servers.sourceUrl);
    await session.sql(sourceRoleSql({ ...NAMES, tables: tables.map((table) => `public.${table}`) }));
    await session.sql(`ALTER ROLE ${NAMES.user} PASSWORD '${PASSWORD}'`);
    const brokers = servers.source.cluster.brokers.split(',');
    const kafka = await connectKafka({ brokers, clientId: PREFIX, log: silentLog, clock });
    const chain = new OracleChain(options, kafka);
    chain.source.start();
    chain.processors.start();
    chain.sinks.start();
    const topic = `${PREFIX}.progress`;
    const missing = await untilNothing(clock, CATCH_UP_MAX_MS, async () => {
      const [end = 0] = await kafka.listOffsets([{ topic, partition: 0 }], 'last-stable');
      return end > 0 ? null : 'the source has not told how far it is';
    });
    if (missing === null) return chain;
    await chain[Symbol.asyncDispose]();
    throw new Error(`${missing}; logs in ${options.folder}`);
  }

  /** Resolves with null when nothing is under way any more, or with what is after a while. */
  async untilQuiet(source: DatabaseSession): Promise<string | null> {
    const { clock, targets } = this.#options;
    const published = await untilNothing(clock, CATCH_UP_MAX_MS, slotLook(source));
    if (published !== null) return published;
    for (const { name, plan } of PIPELINES) {
      const names = applicationNames(PREFIX, name);
      const moved = plan.repartitions.map((repartition) => names.repartition(repartition.name));
      const read = Object.values(inputs)
        .filter((topic) => plan.nodes.some((node) => 'topic' in node && node.topic.name === topic.name))
        .map((topic) => `${PREFIX}.${topic.name}`);
      for (const topics of [read, ...numbered(REPARTITIONS_IN_A_ROW, () => moved)]) {
        const behind = await this.#untilRead(names.applicationId, topics);
        if (behind !== null) return `${name}: ${behind}`;
      }
    }
    const behind = await this.#untilRead(
      `${PREFIX}-sink`,
      targets.map(({ topic }) => `${PREFIX}.${topic}`),
    );
    return behind === null ? null : `sink: ${behind}`;
  }

  /** Ends all in order, upstream first. @returns what went wrong with processes, one line each */
  async drain(): Promise<readonly string[]> {
    const ends = await this.source.drain();
    await this.processors.drain();
    await this.sinks.drain();
    const hung = ends.filter((how) => how !== 'exit code 0');
    return [
      ...hung.map((how) => `a source did not end in order: ${how}`),
      ...this.source.problems,
      ...this.processors.problems,
      ...this.sinks.problems,
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.source[Symbol.asyncDispose](), this.processors.kill(), this.sinks.kill()]);
    await this.#kafka[Symbol.asyncDispose]();
  }

  #untilRead(groupId: string, topics: readonly string[]): Promise<string | null> {
    const { clock } = this.#options;
    const input = topics.flatMap(partitionsOf);
    return untilCopied({ kafka: this.#kafka, clock, groupId, input, output: [] }, CATCH_UP_MAX_MS);
  }
}

/** That the slot has confirmed all that is in the WAL now. */
function slotLook(source: DatabaseSession): () => Promise<string | null> {
  let lsn: string | null = null;
  return async () => {
    lsn ??= (await source.sql('SELECT pg_current_wal_insert_lsn()'))[0]?.[0] ?? null;
    const [[behind = null] = []] = await source.sql(
      `SELECT '${lsn}'::pg_lsn - confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '${SLOT}'`,
    );
    if (behind === null) return `slot ${SLOT} is not there`;
    return Number(behind) <= 0 ? null : `slot ${SLOT} is ${behind} bytes behind ${lsn}`;
  };
}

const partitionsOf = (topic: string): TopicPartition[] =>
  Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));

const numbered = <T>(count: number, make: (name: string) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(String(i + 1)));
