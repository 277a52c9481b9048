import { must } from '../../../infra/process/assert.ts';
import { BACKEND, backendError } from '../wire/backend-message.ts';
import type { PublishedTable } from '../shapes/catalog.ts';
import type { ChunkRow } from './chunk-rows.ts';
import { CHUNK_MESSAGE } from './chunk-windows.ts';
import type { Relation } from '../changes/relation.ts';
import { identifier, literal, qualified } from '../wire/sql-text.ts';
import { Tuple, readDataRow } from '../changes/tuple.ts';
import { type Visibility, parseVisibility } from './visibility.ts';
import type { WireConnection } from '../wire/wire-connection.ts';
import { HEADER_BYTES } from '../wire/wire-framer.ts';

export interface ChunkRequest {
  readonly table: PublishedTable;
  readonly relation: Relation;
  /** The columns as {@link shapeSql} told them when the relation was read. */
  readonly shape: string;
  /** A table without children of its own kind: those of an inheriting table are tables of their own. */
  readonly only: boolean;
  /** The role may lock the table as such; one that may read some columns may not. */
  readonly lockable: boolean;
  /** Key columns, in the order of the key. */
  readonly key: readonly string[];
  /** The chunk begins behind this key, null for the begin of the table. */
  readonly cursor: readonly string[] | null;
  /** The last key of the copy. */
  readonly last: readonly string[];
  readonly where: string | null;
  readonly rowsMax: number;
  readonly bytesMax: number;
}

export interface ChunkAnswer {
  readonly visibility: Visibility;
  /** In key order. */
  readonly rows: readonly ChunkRow[];
  /** The table has no rows behind these. */
  readonly complete: boolean;
  /** Rows were sent that had no room in the chunk: fewer should be asked for. */
  readonly isCut: boolean;
  /** The columns were still those of the relation. */
  readonly fits: boolean;
  /** What the rows are in, to be given back to the session when nobody needs them any more. */
  readonly segments: readonly Buffer[];
}

/**
 * Reads the next rows of a table and the snapshot that they were read in. The table is locked (ACCESS SHARE) before the
 * snapshot is taken: a rewrite or TRUNCATE between the two would show an empty table.
 * @throws the server's own error as `pg` would throw it; the transaction is over then
 */
export async function readChunk(session: WireConnection, request: ChunkRequest): Promise<ChunkAnswer> {
  session.ask(chunkSql(request));
  const reader = new ChunkReader(request);
  await readAnswer(session, (segment, at, end) => reader.message(segment, at, end));
  return reader.answer();
}

/** Writes the high watermark of a chunk that has been read. */
export async function markChunk(session: WireConnection, id: string): Promise<void> {
  session.ask(`SELECT pg_logical_emit_message(true, ${literal(CHUNK_MESSAGE)}, ${literal(id)})`);
  await readAnswer(session, () => undefined);
}

/** `schema.table`, without tables that inherit from it. */
export function tableSql(table: Pick<PublishedTable, 'schema' | 'table'>, only: boolean): string {
  return `${only ? 'ONLY ' : ''}${qualified(table.schema, table.table)}`;
}

/** `a AND b`, of what is there. */
export function conditionsSql(conditions: readonly (string | null)[]): string {
  const present = conditions.filter((condition) => condition !== null);
  return present.length === 0 ? '' : ` WHERE ${present.map((condition) => `(${condition})`).join(' AND ')}`;
}

/** An expression whose value changes with every column that is added, dropped, renamed or given another type. */
export function shapeSql(oid: number): string {
  const column =
    "concat_ws(' ', attnum, quote_ident(attname), atttypid, atttypmod, attisdropped, attgenerated)";
  return `(SELECT md5(string_agg(${column}, ',' ORDER BY attnum)) FROM pg_attribute
      WHERE attrelid = ${oid} AND attnum > 0)`;
}

/** Keys are compared by the server alone: only it knows the order of its types and collations. */
function chunkSql(request: ChunkRequest): string {
  const { table, relation, only, lockable, key, cursor, last, where, rowsMax } = request;
  const columns = relation.columns.map((column) => identifier(column.name)).join(', ');
  const keys = key.map(identifier).join(', ');
  const row = (values: readonly string[]): string => `(${values.map(literal).join(', ')})`;
  const behind = cursor === null ? null : `(${keys}) > ${row(cursor)}`;
  const from = tableSql(table, only);
  // The second takes the snapshot first; what happened before the lock is then seen by the table's files.
  const lock = lockable ? `LOCK TABLE ${from} IN ACCESS SHARE MODE` : `SELECT FROM ${from} LIMIT 0`;
  return `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    ${lock};
    SELECT pg_current_snapshot()::text, ${shapeSql(table.oid)}, ${rewrittenSql(table.oid)};
    SELECT ${columns} FROM ${from}${conditionsSql([table.filter, where, behind, `(${keys}) <= ${row(last)}`])}
      ORDER BY ${keys} LIMIT ${rowsMax};
    COMMIT`;
}

/** An expression that is true when the files of a table are not those that the transaction's snapshot knows. */
export function rewrittenSql(oid: number): string {
  return `EXISTS (SELECT FROM
      (SELECT ${oid}::oid AS oid UNION SELECT relid::oid FROM pg_partition_tree(${oid}::oid::regclass)) AS t
      LEFT JOIN pg_class AS seen ON seen.oid = t.oid
      WHERE coalesce(seen.relfilenode, 0) <> coalesce(pg_relation_filenode(t.oid::regclass), 0))`;
}

/** Hands over each message up to ReadyForQuery. */
export async function readAnswer(
  session: WireConnection,
  onMessage: (segment: Buffer, at: number, end: number) => void,
): Promise<void> {
  let failure: Error | null = null;
  for (;;) {
    const segment = session.take();
    if (segment === null) {
      await session.readable();
      continue;
    }
    for (let at = 0; at < segment.length;) {
      const end = at + 1 + segment.readInt32BE(at + 1);
      if (segment[at] === BACKEND.error) failure ??= backendError(segment, at, end);
      else if (segment[at] === BACKEND.ready) {
        if (failure === null) return;
        // The server waits in a failed transaction until it is told to end it.
        const error = failure;
        if (segment[at + HEADER_BYTES] === FAILED_TRANSACTION) {
          session.ask('ROLLBACK');
          await readAnswer(session, () => undefined);
        }
        throw error;
      } else onMessage(segment, at, end);
      at = end;
    }
  }
}

const FAILED_TRANSACTION = 0x45;

/** The answers to the two SELECTs: the snapshot, then the rows. */
class ChunkReader {
  readonly #request: ChunkRequest;
  readonly #tuple = new Tuple();
  readonly #rows: ChunkRow[] = [];
  readonly #segments: Buffer[] = [];
  #visibility: Visibility | null = null;
  #bytes = 0;
  #sent = 0;
  #fits = false;

  constructor(request: ChunkRequest) {
    this.#request = request;
  }

  message(segment: Buffer, at: number, end: number): void {
    if (this.#segments.at(-1) !== segment) this.#segments.push(segment);
    if (segment[at] !== BACKEND.dataRow) return;
    if (this.#visibility === null) this.#visibility = this.#snapshot(segment, at + HEADER_BYTES);
    else this.#row(segment, at + HEADER_BYTES, end - at);
  }

  answer(): ChunkAnswer {
    const kept = this.#rows.length;
    return {
      visibility: must(this.#visibility, 'pg_current_snapshot() gave no row'),
      rows: this.#rows,
      complete: kept === this.#sent && kept < this.#request.rowsMax,
      isCut: kept < this.#sent,
      fits: this.#fits,
      segments: this.#segments,
    };
  }

  #snapshot(segment: Buffer, at: number): Visibility {
    const tuple = this.#tuple;
    readDataRow(segment, at, tuple);
    const text = (place: number): string => segment.toString('utf8', tuple.starts[place], tuple.ends[place]);
    this.#fits = text(1) === this.#request.shape && text(2) === 'f';
    return parseVisibility(text(0));
  }

  /** Rows beyond the budget are left for the next chunk; one row is taken however large it is. */
  #row(segment: Buffer, at: number, bytes: number): void {
    this.#sent++;
    if (this.#bytes > 0 && this.#bytes + bytes > this.#request.bytesMax) {
      this.#bytes = Number.POSITIVE_INFINITY;
      return;
    }
    this.#bytes += bytes;
    this.#rows.push({ segment, at });
  }
}
