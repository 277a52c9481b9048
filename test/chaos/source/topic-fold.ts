import { CHANGE_EVENT_FIELDS } from '../../../schemas/change-event.ts';
import { type RecordReader, valueText } from '../avro-text.ts';
import type { Findings } from '../findings.ts';
import type { Identities } from './identities.ts';
import type { ForeignBytes } from '../../support/kcat-bytes.ts';

const ENVELOPE = new Set(CHANGE_EVENT_FIELDS.map(({ name }) => name));
const FRAME_BYTES = 5;

/** Told for a column whose value was not sent and had not been sent before. */
export const NEVER_SENT = '(a value that was never sent)';

/** A row as the topic has it. */
export interface FoldedRow {
  /** By the column's present name; a column that the last record's schema does not have is missing. */
  readonly values: ReadonlyMap<string, string | null>;
  /** Partition and offset of the last record. */
  readonly place: string;
  /** What the last record was written with, in words. */
  readonly writer: string;
  /** Columns whose values the last record does not have: where it is all that compaction leaves, they are lost. */
  readonly unchanged: readonly string[];
}

/** What a table without a key has of one row, which is told by its number. */
export interface CountedRow extends FoldedRow {
  /** Read by a snapshot. */
  readonly reads: number;
  readonly inserts: number;
}

export interface TopicFoldOptions {
  readonly topic: string;
  /** Present name of the column that had this name once, undefined of one that is gone. */
  readonly columnOf: (written: string) => string | undefined;
  /** Column that tells rows apart in a table without a key. */
  readonly numberColumn: string | null;
  /** Column whose numbers grow with each change of a row, null where there is none. */
  readonly versionColumn: string | null;
  readonly readerOf: (schemaId: number) => Promise<RecordReader>;
  readonly identities: Identities;
  readonly findings: Findings;
}

interface Seen {
  readonly lsn: bigint;
  readonly seq: bigint;
  readonly partition: number;
}

interface Written {
  readonly schemaId: number;
  readonly reader: RecordReader;
  readonly values: readonly unknown[];
}

/** Folds a topic by key into the rows that it stands for, and checks what holds for every record on the way. */
export class TopicFold {
  readonly rows = new Map<string, FoldedRow>();
  readonly counted = new Map<string, CountedRow>();
  records = 0;
  readonly #options: TopicFoldOptions;
  readonly #last = new Map<string, Seen>();

  constructor(options: TopicFoldOptions) {
    this.#options = options;
  }

  async add(record: ForeignBytes): Promise<void> {
    this.records++;
    const place = `${record.partition}/${record.offset}`;
    try {
      const value = record.value === null ? null : await this.#read(record.value);
      if (record.key === null) this.#count(place, value);
      else this.#fold(await this.#keyText(record.key), record, place, value);
    } catch (error) {
      this.#options.findings.note('unreadable', `${this.#options.topic} ${place}: ${String(error)}`);
    }
  }

  async #read(framed: Buffer): Promise<Written> {
    const schemaId = framed.readInt32BE(1);
    const reader = await this.#options.readerOf(schemaId);
    return { schemaId, reader, values: reader.read(framed.subarray(FRAME_BYTES)) };
  }

  async #keyText(framed: Buffer): Promise<string> {
    return JSON.stringify((await this.#read(framed)).values);
  }

  #fold(key: string, record: ForeignBytes, place: string, value: Written | null): void {
    const { topic, identities, findings } = this.#options;
    const facts = value === null ? headerFacts(record.headers) : envelopeFacts(value);
    identities.add(topic, place, facts.lsn, facts.seq, value === null);
    const before = this.#last.get(key);
    const isBack =
      before !== undefined &&
      (facts.lsn < before.lsn || (facts.lsn === before.lsn && facts.seq < before.seq));
    const what = `${topic} key ${key} at ${place}`;
    if (isBack)
      findings.note(
        'out of order',
        `${what}: (${facts.lsn}, ${facts.seq}) follows (${before.lsn}, ${before.seq})`,
      );
    if (before !== undefined && before.partition !== record.partition)
      findings.note('moved', `${what}: the key was on partition ${before.partition}`);
    this.#last.set(key, { ...facts, partition: record.partition });
    if (value === null) return void this.rows.delete(key);
    const earlier = this.rows.get(key);
    const row = {
      values: this.#values(value, earlier),
      place,
      writer: writerText(value),
      unchanged: unchangedOf(value),
    };
    if (this.#version(row) < this.#version(earlier))
      findings.note('regressed', `${what}: an older row than that at ${earlier?.place}`);
    this.rows.set(key, row);
  }

  /** A row that has gone and come again begins anew. */
  #version(row: FoldedRow | undefined): bigint {
    const { versionColumn } = this.#options;
    return BigInt((versionColumn === null ? null : row?.values.get(versionColumn)) ?? '0');
  }

  /** A table without a key has no updates: each record is a row that was read or inserted. */
  #count(place: string, value: Written | null): void {
    const { topic, identities, findings, numberColumn } = this.#options;
    if (value === null || numberColumn === null)
      return findings.note('unreadable', `${topic} ${place}: no key`);
    const { op, lsn, seq } = envelopeFacts(value);
    // A snapshot that is begun again reads under the same LSN, from 1 on.
    if (op !== 'r') identities.add(topic, place, lsn, seq, false);
    const values = this.#values(value, undefined);
    const number = values.get(numberColumn) ?? '';
    const earlier = this.counted.get(number);
    const reads = (earlier?.reads ?? 0) + (op === 'r' ? 1 : 0);
    const inserts = (earlier?.inserts ?? 0) + (op === 'r' ? 0 : 1);
    const written = { place, writer: writerText(value), unchanged: unchangedOf(value) };
    this.counted.set(number, { values, ...written, reads, inserts });
  }

  #values(written: Written, before: FoldedRow | undefined): Map<string, string | null> {
    const { reader, values } = written;
    const unchanged = unchangedOf(written);
    const row = new Map<string, string | null>();
    for (const [i, { field, column }] of reader.fields.entries()) {
      const name = ENVELOPE.has(field) ? undefined : this.#options.columnOf(column);
      if (name === undefined) continue;
      if (!unchanged.includes(field)) row.set(name, valueText(values[i]));
      else if (before === undefined) row.set(name, NEVER_SENT);
      else if (before.values.has(name)) row.set(name, before.values.get(name) ?? null);
    }
    return row;
  }
}

function unchangedOf({ reader, values }: Written): readonly string[] {
  return values[reader.fields.findIndex(({ field }) => field === '__unchanged')] as string[];
}

function writerText({ schemaId, reader }: Written): string {
  const columns = reader.fields.filter(({ field }) => !ENVELOPE.has(field)).map(({ column }) => column);
  return `schema ${schemaId} (${columns.join(', ')})`;
}

interface Facts {
  readonly op: string;
  readonly lsn: bigint;
  readonly seq: bigint;
}

function envelopeFacts({ reader, values }: Written): Facts {
  const fact = (name: string): string =>
    String(values[reader.fields.findIndex(({ field }) => field === name)]);
  return { op: fact('__op'), lsn: BigInt(fact('__lsn')), seq: BigInt(fact('__seq')) };
}

function headerFacts(headers: string): Facts {
  const fact = (name: string): string => new RegExp(`(?:^|,)${name}=([^,]*)`).exec(headers)?.[1] ?? '';
  return { op: fact('__op'), lsn: BigInt(fact('__lsn')), seq: BigInt(fact('__seq')) };
}
