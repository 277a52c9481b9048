/** `REPLICA IDENTITY`, as pgoutput and `pg_class.relreplident` write it. */
export type ReplicaIdentity = 'd' | 'n' | 'f' | 'i';

export interface RelationColumn {
  readonly name: string;
  /** Part of the replica identity (with FULL: every column). */
  readonly inIdentity: boolean;
  readonly typeOid: number;
  /** `pg_attribute.atttypmod`, -1 where the type has none. */
  readonly typmod: number;
}

/** The shape of a table at one place in the WAL. Sent before the first row in that shape. */
export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly identity: ReplicaIdentity;
  readonly columns: readonly RelationColumn[];
}

/**
 * Reads the body of a Relation message that begins at `at` (behind its type byte).
 * @throws RangeError for what does not end with the bytes
 */
export function readRelation(buffer: Buffer, at: number): Relation {
  const oid = buffer.readUInt32BE(at);
  const schemaEnd = textEnd(buffer, at + 4);
  const tableEnd = textEnd(buffer, schemaEnd + 1);
  // An empty namespace stands for pg_catalog.
  const schema = buffer.toString('utf8', at + 4, schemaEnd) || 'pg_catalog';
  const count = buffer.readUInt16BE(tableEnd + 2);
  const columns: RelationColumn[] = [];
  let offset = tableEnd + 4;
  for (let i = 0; i < count; i++) {
    const nameEnd = textEnd(buffer, offset + 1);
    columns.push({
      name: buffer.toString('utf8', offset + 1, nameEnd),
      inIdentity: ((buffer[offset] ?? 0) & 1) === 1,
      typeOid: buffer.readUInt32BE(nameEnd + 1),
      typmod: buffer.readInt32BE(nameEnd + 5),
    });
    offset = nameEnd + 9;
  }
  return {
    oid,
    schema,
    table: buffer.toString('utf8', schemaEnd + 1, tableEnd),
    identity: String.fromCharCode(buffer[tableEnd + 1] ?? 0) as ReplicaIdentity,
    columns,
  };
}

/** The NUL behind a text. @throws RangeError where there is none */
export function textEnd(buffer: Buffer, at: number): number {
  const end = buffer.indexOf(0, at);
  if (end < 0) throw new RangeError(`a text at byte ${at} of ${buffer.length} has no end`);
  return end;
}

/** Equal text for relations that make equal events: Postgres sends a Relation again for reasons that change nothing. */
export function relationFingerprint(relation: Relation): string {
  const { oid, schema, table, identity, columns } = relation;
  const shapes = columns.map(({ name, inIdentity, typeOid, typmod }) => [name, inIdentity, typeOid, typmod]);
  return JSON.stringify([oid, schema, table, identity, shapes]);
}
