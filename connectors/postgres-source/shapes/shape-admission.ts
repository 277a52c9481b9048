import type { Failure } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { type IncompatibleRules, type OnIncompatible, incompatiblePolicy } from './incompatible-policy.ts';
import { lsnText } from '../place/lsn.ts';
import type { RefusalBook, ShapePlace } from './refusal-state.ts';
import { type Relation, relationFingerprint } from '../changes/relation.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import type { SourceMetrics } from '../source-metrics.ts';

/** A shape whose rows one version of the table's topic takes, or refuses. */
export interface OpenedShape {
  /** With a refusal it sets every row aside, and tells the ends of rows where the topic takes the key. */
  readonly encoder: RowEncoder;
  readonly refusal: Failure | null;
}

/** What is done with rows of a shape. */
export interface AdmittedShape {
  /** Null: they are left out. */
  readonly encoder: RowEncoder | null;
  /** Of a table that is paused: it tells the ends of rows. */
  readonly paused: RowEncoder | null;
}

export interface ShapeAdmissionOptions {
  readonly onIncompatibleSchema: IncompatibleRules;
  readonly refusals: RefusalBook;
  /** The whole table has to be copied: to the topic that it has from `moved` on, or since rows were left out. */
  readonly wantsCopy: (oid: number, moved?: ShapePlace) => void;
  readonly metrics: SourceMetrics;
  readonly log: Log;
}

/** A table that goes through so many topics is no accident any more. */
const VERSIONS_MAX = 100;

/** Lets shapes into their topics, and decides by policy about one that its topic does not take. */
export class ShapeAdmission {
  readonly #options: ShapeAdmissionOptions;

  constructor(options: ShapeAdmissionOptions) {
    this.#options = options;
  }

  /**
   * `at` null: the shape is not in the stream yet, and where it is refused nothing is decided: null.
   * @throws Failure that says why the shape is refused, under the policy `stop`
   */
  async admit(
    relation: Relation,
    at: ShapePlace | null,
    open: (version: number) => Promise<OpenedShape>,
  ): Promise<AdmittedShape | null> {
    const { refusals, onIncompatibleSchema } = this.#options;
    const name = `${relation.schema}.${relation.table}`;
    const version = refusals.version(name);
    const now = await open(version);
    if (now.refusal === null) {
      if (at?.replayed !== true) this.#accepted(relation, name);
      return { encoder: now.encoder, paused: null };
    }
    const policy = incompatiblePolicy(onIncompatibleSchema, relation);
    if (policy === 'stop') throw now.refusal;
    if (at === null) return null;
    if (at.replayed) {
      const earlier = await this.#earlier(version, open);
      if (earlier !== null) return { encoder: earlier, paused: null };
    }
    if (policy === 'new-topic') return await this.#moved(relation, name, version, at, now.refusal, open);
    this.#tell(relation, policy, at, now.refusal, { topic: now.encoder.target.topic });
    if (policy === 'dead-letter') return { encoder: now.encoder, paused: null };
    refusals.pause(name, at, relationFingerprint(relation), now.refusal.message);
    this.#options.metrics.tables.paused(relation, true);
    return { encoder: null, paused: now.encoder };
  }

  /** Rows of a shape from before the topic's present version, which are in Kafka and are only read again. */
  async #earlier(
    version: number,
    open: (version: number) => Promise<OpenedShape>,
  ): Promise<RowEncoder | null> {
    for (let earlier = version - 1; earlier >= 1; earlier--) {
      const { refusal, encoder } = await open(earlier);
      if (refusal === null) return encoder;
    }
    return null;
  }

  async #moved(
    relation: Relation,
    name: string,
    version: number,
    at: ShapePlace,
    refusal: Failure,
    open: (version: number) => Promise<OpenedShape>,
  ): Promise<AdmittedShape> {
    for (let next = version + 1; next <= VERSIONS_MAX; next++) {
      const { encoder, refusal: refusedToo } = await open(next);
      if (refusedToo !== null) continue;
      this.#options.refusals.moveTo(name, next, at);
      this.#options.refusals.resume(name);
      this.#tell(relation, 'new-topic', at, refusal, { topic: encoder.target.topic });
      this.#options.wantsCopy(relation.oid, at);
      return { encoder, paused: null };
    }
    throw refusal;
  }

  #accepted(relation: Relation, table: string): void {
    const { refusals, metrics, wantsCopy, log } = this.#options;
    const paused = refusals.paused(table);
    metrics.tables.paused(relation, false);
    if (paused === undefined) return;
    refusals.resume(table);
    const since = `${lsnText(BigInt(paused.lsn))}/${paused.seq}`;
    log.warn(
      { table, since },
      'the table is published again: it is read from the begin, for its rows were left out',
    );
    wantsCopy(relation.oid);
  }

  #tell(
    { schema, table }: Relation,
    policy: OnIncompatible,
    at: ShapePlace,
    refusal: Failure,
    facts: { readonly topic: string },
  ): void {
    const name = `${schema}.${table}`;
    this.#options.metrics.tables.refused(name, policy);
    const place = { table: name, lsn: lsnText(at.lsn), seq: at.seq, policy, why: refusal.message, ...facts };
    this.#options.log[policy === 'new-topic' ? 'warn' : 'error'](place, SAID[policy](name));
  }
}

const AGAIN = (name: string): string =>
  `make the shape compatible, or change the compatibility of the subject; then: npm run backfill -- ${name}`;

const SAID: Readonly<Record<OnIncompatible, (name: string) => string>> = {
  stop: (name) => `the shape of ${name} is refused`,
  'pause-table': (name) =>
    `the shape of ${name} is refused: the table is PAUSED, its rows are left out from here on\n  fix: ${AGAIN(name)}`,
  'new-topic': (name) =>
    `the shape of ${name} is refused: its rows go to a new version of the topic from here on, which the table is copied to`,
  'dead-letter': (name) =>
    `the shape of ${name} is refused: its rows are set aside as dead letters from here on\n  fix: ${AGAIN(name)}`,
};
