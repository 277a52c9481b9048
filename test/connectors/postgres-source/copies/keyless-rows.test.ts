import { expect, test } from 'vitest';
import type { ProducerRecord } from '../../../../connectors/kafka/port.ts';
import { ChunkRows } from '../../../../connectors/postgres-source/copies/chunk-rows.ts';
import { type Chunk, ChunkWindow } from '../../../../connectors/postgres-source/copies/chunk-window.ts';
import { ChunkWindows } from '../../../../connectors/postgres-source/copies/chunk-windows.ts';
import { CopyBook, NO_COPIES, newCopy } from '../../../../connectors/postgres-source/copies/copy-state.ts';
import { KeylessRows } from '../../../../connectors/postgres-source/copies/keyless-rows.ts';
import { parseVisibility } from '../../../../connectors/postgres-source/copies/visibility.ts';

const OID = 7;
const record = (text: string, bytes = 0): ProducerRecord => ({
  topic: 't',
  partition: 0,
  timestamp: 0,
  key: null,
  value: Buffer.concat([Buffer.from(text), Buffer.alloc(bytes)]),
});
const texts = (records: readonly ProducerRecord[]): string[] => records.map(({ value }) => String(value));

function chunkOf(oid: number): Chunk {
  const relation = { oid, schema: 's', table: 't', identity: 'd', columns: [] } as const;
  const copy = newCopy(oid, false);
  return { relation, rows: new ChunkRows([], String), from: copy, next: copy, last: false };
}

function added(): { book: CopyBook; rows: KeylessRows; window: ChunkWindow } {
  const book = new CopyBook({ ...NO_COPIES, open: [newCopy(OID, false)] });
  return { book, rows: new KeylessRows(book), window: new ChunkWindow('w', OID, []) };
}

test('S72 S74 a change goes out by the copy or by the stream, whichever side of the snapshot it is on', () => {
  const { book, rows, window } = added();
  expect(rows.withholds(OID, 90, record('before the window'))).toBe(true);
  rows.open(window);
  expect(rows.withholds(OID, 95, record('seen'))).toBe(true);
  const reused = record('not seen');
  expect(rows.withholds(OID, 105, reused)).toBe(true);
  reused.value?.fill(0);
  rows.read(window, parseVisibility('100:104:101'));
  expect(rows.withholds(OID, 99, record('seen late'))).toBe(true);
  expect(rows.withholds(OID, 101, record('was running'))).toBe(true);
  expect(texts(rows.release(window))).toEqual(['not seen', 'was running']);
  expect(rows.withholds(OID, 110, record('behind the cut'))).toBe(false);
  book.finish(OID);
  expect(rows.withholds(OID, 111, record('copied'))).toBe(false);
});

test('an attempt that ends without its cut gives nothing out: the next snapshot has it', () => {
  const { rows, window } = added();
  rows.open(window);
  expect(rows.withholds(OID, 105, record('held'))).toBe(true);
  rows.close(window);
  expect(texts(rows.release(window))).toEqual([]);
  expect(rows.withholds(OID, 106, record('x'))).toBe(true);
});

test('a copy that is begun again withholds again, a backfill of a copied table never does', () => {
  const { book, rows, window } = added();
  rows.open(window);
  rows.read(window, parseVisibility('100:100:'));
  rows.release(window);
  const again = new ChunkWindow('again', OID, []);
  rows.open(again);
  expect(rows.withholds(OID, 120, record('x'))).toBe(true);
  book.finish(OID);
  book.begin(newCopy(OID, false));
  rows.open(new ChunkWindow('backfill', OID, []));
  expect(rows.withholds(OID, 130, record('x'))).toBe(false);
});

test('S16 S98 a copied table that moves to a new topic is withheld until that topic has its cut, and at the next move again', () => {
  const book = new CopyBook({ copied: [OID], open: [] });
  const rows = new KeylessRows(book);
  const moveTo = (lsn: string): ChunkWindow => {
    book.begin({ ...newCopy(OID, false), moved: { lsn, seq: 1 } });
    return new ChunkWindow(lsn, OID, []);
  };
  for (const lsn of ['10', '20']) {
    const window = moveTo(lsn);
    expect(rows.withholds(OID, 90, record('x'))).toBe(true);
    rows.open(window);
    rows.read(window, parseVisibility('100:100:'));
    rows.release(window);
    expect(rows.withholds(OID, 110, record('x'))).toBe(false);
    book.advance({ ...newCopy(OID, false), ...book.copy(OID), rows: 5 });
    expect(rows.withholds(OID, 111, record('x'))).toBe(false);
  }
  book.finish(OID);
  expect(rows.withholds(OID, 120, record('x'))).toBe(false);
});

test('S91 S100 a table that has left the publication goes out to its last row, and is withheld when it comes back', () => {
  const { book, rows, window } = added();
  expect(rows.unsettled(OID)).toBe(false);
  rows.open(window);
  rows.read(window, parseVisibility('100:100:'));
  rows.release(window);
  expect(rows.withholds(OID, 110, record('x'))).toBe(false);
  book.keepOnly(new Set());
  expect(rows.unsettled(OID)).toBe(true);
  expect(rows.withholds(OID, 115, record('the last'))).toBe(false);
  book.begin(newCopy(OID, false));
  expect(rows.withholds(OID, 120, record('x'))).toBe(true);
});

test('a part of a copy is not read again for what the stream delivers, as a chunk is', () => {
  const windows = new ChunkWindows();
  windows.count();
  const part = windows.openPart('part', OID);
  const chunk = windows.open('chunk', OID + 1, 0);
  for (const window of [part, chunk]) window.read(parseVisibility('100:100:'), chunkOf(window.oid));
  windows.begin(200, true);
  expect([part.chunk === null, chunk.chunk === null]).toEqual([false, true]);
});

test('changes that wait for the snapshot are bounded: too many, and it is taken again', () => {
  const { rows, window } = added();
  rows.open(window);
  for (let i = 0; i < 9; i++) expect(rows.withholds(OID, 105, record('x', 1024 * 1024))).toBe(true);
  window.read(parseVisibility('100:100:'), chunkOf(OID));
  expect(window.chunk).toBeNull();
  expect(texts(rows.release(window))).toEqual([]);
});
