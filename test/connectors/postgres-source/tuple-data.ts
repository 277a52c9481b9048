import { Tuple, readTupleData } from '../../../connectors/postgres-source/changes/tuple.ts';

/** A cell's text, SQL null, or a TOAST value that was not sent. */
export type Cell = string | null | { readonly unchanged: true };

export const UNCHANGED = { unchanged: true } as const;

/** Cells as pgoutput writes them. */
function tupleData(cells: readonly Cell[]): Buffer {
  const parts = [Buffer.from([cells.length >> 8, cells.length & 0xff])];
  for (const cell of cells) {
    if (cell === null) parts.push(Buffer.from('n'));
    else if (typeof cell !== 'string') parts.push(Buffer.from('u'));
    else {
      const head = Buffer.from('t....');
      head.writeInt32BE(Buffer.byteLength(cell), 1);
      parts.push(head, Buffer.from(cell));
    }
  }
  return Buffer.concat(parts);
}

/** Rows in one chunk, as a message with an old and a new tuple has them. */
export function chunkOf(...rows: readonly (readonly Cell[])[]): { source: Buffer; tuples: Tuple[] } {
  const encoded = rows.map(tupleData);
  const source = Buffer.concat(encoded);
  let at = 0;
  const tuples = encoded.map((row) => {
    const tuple = new Tuple();
    readTupleData(source, at, tuple);
    at += row.length;
    return tuple;
  });
  return { source, tuples };
}
