import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { must } from '../../../infra/process/assert.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { Lsn } from '../place/lsn.ts';
import type { WrittenValue } from '../changes/tuple.ts';

const VERSION = '1';
/** Of pages that SQLite holds in memory. */
const CACHE_KIB = 16_384;
/** How long another process that has the file open may hold it. */
const BUSY_TIMEOUT_MS = 2_000;

/** What a record has left of a row's values. */
export interface ToastEffect {
  /** {@link ToastTopic.id} */
  readonly topic: number;
  /** Avro body of the row's key. */
  readonly key: Buffer;
  /** The row is gone, or nothing is known of it any more; else only the fields count that are named. */
  readonly gone: boolean;
  /** Fields without an out-of-line value. */
  readonly drops: readonly number[];
  readonly puts: readonly { readonly field: number; readonly value: WrittenValue }[];
}

/** In place of {@link ToastTopic.since}: the topic has more than was read back, which the next start makes good. */
export const READ_IN_PART: Lsn = -1n;

/** A topic whose values are kept. */
export interface ToastTopic {
  readonly id: number;
  readonly oid: number;
  /** Records from before this LSN do not count: the table was not followed then. Null when all do. */
  readonly since: Lsn | null;
  /** Per partition: the offset behind the last record that was taken over. */
  readonly offsets: readonly number[];
}

/** What a store is of. Another one is of no use. */
export interface ToastIdentity {
  readonly systemId: string;
  readonly slot: string;
  readonly publicationOid: number;
  readonly topicPrefix: string;
}

/**
 * Out-of-line values of rows as they were last published, by topic, key and column, in a SQLite file. It is a copy of
 * what is in Kafka up to the offsets that it names, changed in one SQLite transaction with them: so a crash leaves it
 * behind Kafka, never ahead, and never in between.
 */
export class ToastStore implements Disposable {
  readonly #db: DatabaseSync;
  readonly #owner = randomUUID();
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #dropAll: StatementSync;
  readonly #move: StatementSync;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#get = db.prepare('SELECT avro, special FROM cell WHERE topic = ? AND key = ? AND field = ?');
    this.#put = db.prepare(
      'INSERT OR REPLACE INTO cell (topic, key, field, avro, special) VALUES (?, ?, ?, ?, ?)',
    );
    this.#drop = db.prepare('DELETE FROM cell WHERE topic = ? AND key = ? AND field = ?');
    this.#dropAll = db.prepare('DELETE FROM cell WHERE topic = ? AND key = ?');
    this.#move = db.prepare('UPDATE topic SET offsets = ? WHERE id = ?');
    this.#set('owner', this.#owner);
  }

  /**
   * Opens the file at `path`, or makes it anew when it is another's, is ahead of `position`, or cannot be read.
   * @param position what is in Kafka; null keeps nothing
   * @throws Failure `source.toast_store` (stop)
   */
  static open(path: string, identity: ToastIdentity, position: Lsn | null): ToastStore {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const known = position === null ? null : openKnown(path, identity, position);
      return new ToastStore(known ?? openNew(path, identity));
    } catch (error) {
      throw storeFailure(path, error);
    }
  }

  /** A store of a test. */
  static inMemory(): ToastStore {
    return new ToastStore(
      openNew(':memory:', { systemId: '', slot: '', publicationOid: 0, topicPrefix: '' }),
    );
  }

  /** End LSN of the last transaction that was taken over when it was published. */
  get position(): Lsn {
    return BigInt(factOf(this.#db, 'position') ?? 0);
  }

  topic(name: string): ToastTopic | null {
    const row = this.#db.prepare('SELECT id, oid, since, offsets FROM topic WHERE name = ?').get(name);
    if (row === undefined) return null;
    const since = row['since'] === null ? null : BigInt(String(row['since']));
    return {
      id: Number(row['id']),
      oid: Number(row['oid']),
      since,
      offsets: JSON.parse(String(row['offsets'])) as number[],
    };
  }

  /** Begins a topic anew, with nothing in it. */
  begin(name: string, oid: number, since: Lsn | null, offsets: readonly number[]): ToastTopic {
    const known = this.topic(name);
    this.#transaction(() => {
      if (known !== null) this.#db.prepare('DELETE FROM cell WHERE topic = ?').run(known.id);
      this.#db
        .prepare('INSERT OR REPLACE INTO topic (id, name, oid, since, offsets) VALUES (?, ?, ?, ?, ?)')
        .run(known?.id ?? null, name, oid, since === null ? null : String(since), JSON.stringify(offsets));
    });
    return this.topic(name) as ToastTopic;
  }

  /**
   * The numbers under which values of a shape's columns are kept. A column that was there before has the number that it
   * had. One that is gone is forgotten with its values: should it come again, it has missed changes.
   */
  fields(topic: number, identities: readonly string[]): number[] {
    const known = this.#db.prepare('SELECT id, identity FROM field WHERE topic = ?').all(topic);
    const ids = new Map(known.map((row) => [String(row['identity']), Number(row['id'])]));
    const gone = [...ids.keys()].filter((identity) => !identities.includes(identity));
    const added = identities.filter((identity) => !ids.has(identity));
    if (gone.length > 0 || added.length > 0)
      this.#transaction(() => {
        for (const identity of gone) this.#forget(topic, must(ids.get(identity), 'a field of the topic'));
        const insert = this.#db.prepare('INSERT INTO field (topic, identity) VALUES (?, ?)');
        for (const identity of added) ids.set(identity, Number(insert.run(topic, identity).lastInsertRowid));
      });
    return identities.map((identity) => must(ids.get(identity), 'a field of the topic'));
  }

  #forget(topic: number, field: number): void {
    this.#db.prepare('DELETE FROM field WHERE id = ?').run(field);
    this.#db.prepare('DELETE FROM cell WHERE topic = ? AND field = ?').run(topic, field);
  }

  get(topic: number, key: Buffer, field: number): WrittenValue | null {
    const row = this.#get.get(topic, key, field);
    if (row === undefined) return null;
    const { buffer, byteOffset, byteLength } = row['avro'] as Uint8Array;
    const special = row['special'] === null ? null : String(row['special']);
    return { avro: Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength), special };
  }

  /** Calls `each` with every key that has a value; once or more often. */
  eachKey(each: (topic: number, key: Buffer) => void): void {
    for (const row of this.#db.prepare('SELECT topic, key FROM cell').iterate()) {
      const { buffer, byteOffset, byteLength } = row['key'] as Uint8Array;
      each(Number(row['topic']), Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength));
    }
  }

  /**
   * Takes over what is in Kafka now, in one transaction.
   * @param offsets per topic id
   * @throws Failure `source.toast_store`; `source.toast_store_taken` (fenced) when another process has taken the file
   */
  apply(
    effects: Iterable<ToastEffect>,
    offsets: Iterable<readonly [number, readonly number[]]>,
    position: Lsn,
  ): void {
    this.#transaction(() => {
      for (const effect of effects) this.#applyOne(effect);
      for (const [topic, ends] of offsets) this.#move.run(JSON.stringify(ends), topic);
      this.#set('position', String(position));
    });
  }

  [Symbol.dispose](): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #applyOne({ topic, key, gone, drops, puts }: ToastEffect): void {
    if (gone) this.#dropAll.run(topic, key);
    for (const field of drops) this.#drop.run(topic, key, field);
    for (const { field, value } of puts) this.#put.run(topic, key, field, value.avro, value.special);
  }

  #set(name: string, value: string): void {
    this.#db.prepare('INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)').run(name, value);
  }

  /** A process that was taken for dead must not write over what its successor has. */
  #transaction(work: () => void): void {
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      if (factOf(this.#db, 'owner') !== this.#owner)
        throw new Failure(
          'source.toast_store_taken',
          'fenced',
          'another process has taken the store of large values',
        );
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isOpen && this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw storeFailure(this.#db.location() ?? 'memory', error);
    }
  }
}

/** Null for a file that is of no use. */
function openKnown(path: string, identity: ToastIdentity, reached: Lsn): DatabaseSync | null {
  const db = new DatabaseSync(path);
  try {
    if (isOf(prepared(db), identity, reached)) return db;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  db.close();
  return null;
}

function prepared(db: DatabaseSync): DatabaseSync {
  db.exec(
    `PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA cache_size = -${CACHE_KIB}; PRAGMA synchronous = NORMAL`,
  );
  return db;
}

/** A file that was left by a crash may still have a log beside it. */
function openNew(path: string, identity: ToastIdentity): DatabaseSync {
  if (path !== ':memory:') for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
  const db = prepared(new DatabaseSync(path));
  // A power cut may take the last transactions: then the offsets are older with the values.
  db.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE topic (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, oid INTEGER NOT NULL, since TEXT, offsets TEXT NOT NULL);
    CREATE TABLE field (id INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL, identity TEXT NOT NULL, UNIQUE (topic, identity));
    CREATE TABLE cell (topic INTEGER NOT NULL, key BLOB NOT NULL, field INTEGER NOT NULL, avro BLOB NOT NULL, special TEXT,
      UNIQUE (topic, key, field));
  `);
  const insert = db.prepare('INSERT INTO fact (name, value) VALUES (?, ?)');
  insert.run('identity', identityText(identity));
  insert.run('position', '0');
  return db;
}

function isOf(db: DatabaseSync, identity: ToastIdentity, reached: Lsn): boolean {
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'fact'").get() === undefined) return false;
  if (factOf(db, 'identity') !== identityText(identity)) return false;
  return BigInt(factOf(db, 'position') ?? 0) <= reached;
}

function factOf(db: DatabaseSync, name: string): string | null {
  const row = db.prepare('SELECT value FROM fact WHERE name = ?').get(name);
  return row === undefined ? null : String(row['value']);
}

function identityText({ systemId, slot, publicationOid, topicPrefix }: ToastIdentity): string {
  return JSON.stringify([VERSION, systemId, slot, publicationOid, topicPrefix]);
}

/** SQLITE_CORRUPT, SQLITE_NOTADB. https://www.sqlite.org/rescode.html */
function isUnreadable(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (error.errcode === 11 || error.errcode === 26);
}

function storeFailure(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure('source.toast_store', 'stop', `the store of large values in ${path} cannot be used`, {
    cause: error,
    fix: 'see to room and rights there, or name another directory: --state-dir; the file may be deleted, it is made again',
  });
}
