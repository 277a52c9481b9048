import { expect, test } from 'vitest';
import { PGOUTPUT, PgoutputReader } from '../../../../connectors/postgres-source/changes/pgoutput.ts';
import { CELL, type Tuple } from '../../../../connectors/postgres-source/changes/tuple.ts';

/** One transaction of PostgreSQL 18.4: table t(id bigint PK, "Größe" domain over numeric(10,2), big text, n int), f with identity FULL. */
const CAPTURED = {
  begin: '420000000001be5a28000303d2f46d99b200000302',
  type: '5900004006006e756d6572696300',
  relation:
    '52000040077075626c69630074006400040169640000000014ffffffff004772c3b6c39f650000004006ffffffff006269670000000019ffffffff006e0000000017ffffffff',
  updateUnchangedToast: '55000040074e00047400000001317400000004322e353075740000000135',
  updateKey: '55000040074b00047400000001316e6e6e4e00047400000001327400000004322e353075740000000135',
  deleteKey: '44000040074b00047400000001326e6e6e',
  relationFull: '520000400f7075626c69630066006600020169640000000017ffffffff01760000000019ffffffff',
  insert: '490000400f4e0002740000000137740000000161',
  updateFull: '550000400f4f00027400000001377400000001614e0002740000000137740000000162',
  deleteFull: '440000400f4f0002740000000137740000000162',
  message: '4d010000000001be43587072650000000004626f6479',
  truncate: '540000000200000040070000400f',
  commit: '43000000000001be5a280000000001be5cc8000303d2f46d99b2',
} as const;

/** Reads a captured message, behind some other bytes as on the wire. */
function read(name: keyof typeof CAPTURED): {
  reader: PgoutputReader;
  type: number;
  cells: (t: Tuple) => string[];
  text: (start: number, end: number) => string;
} {
  const buffer = Buffer.concat([Buffer.alloc(30), Buffer.from(CAPTURED[name], 'hex')]);
  const reader = new PgoutputReader();
  const type = reader.read(buffer, 30);
  const cells = (tuple: Tuple): string[] =>
    Array.from({ length: tuple.count }, (_, i) => {
      if (tuple.kinds[i] === CELL.text) return buffer.toString('utf8', tuple.starts[i], tuple.ends[i]);
      return tuple.kinds[i] === CELL.null ? 'NULL' : 'UNCHANGED';
    });
  const text = (start: number, end: number): string => buffer.toString('utf8', start, end);
  return { reader, type, cells, text };
}

test('Begin knows the commit before it comes', () => {
  const { reader, type } = read('begin');
  expect(type).toBe(PGOUTPUT.begin);
  expect(reader).toMatchObject({ finalLsn: 0x1be5a28n, xid: 770 });
  const commit = read('commit').reader;
  expect(commit).toMatchObject({ finalLsn: reader.finalLsn, endLsn: 0x1be5cc8n, commitTs: reader.commitTs });
  expect(new Date(Number(reader.commitTs / 1000n)).getUTCFullYear()).toBe(2026);
});

test('a Relation gives columns with their types, and the key', () => {
  expect(read('relation').reader.relation).toEqual({
    oid: 16391,
    schema: 'public',
    table: 't',
    identity: 'd',
    columns: [
      { name: 'id', inIdentity: true, typeOid: 20, typmod: -1 },
      { name: 'Größe', inIdentity: false, typeOid: 16390, typmod: -1 },
      { name: 'big', inIdentity: false, typeOid: 25, typmod: -1 },
      { name: 'n', inIdentity: false, typeOid: 23, typmod: -1 },
    ],
  });
  expect(read('relationFull').reader.relation?.identity).toBe('f');
});

test('an update without a new key has no old row; a TOAST value that was not sent is no null', () => {
  const { reader, cells } = read('updateUnchangedToast');
  expect(reader.oldRow).toBe('none');
  expect(cells(reader.newTuple)).toEqual(['1', '2.50', 'UNCHANGED', '5']);
});

test('an update of the key has the old key', () => {
  const { reader, cells } = read('updateKey');
  expect(reader.oldRow).toBe('key');
  expect(cells(reader.oldTuple)).toEqual(['1', 'NULL', 'NULL', 'NULL']);
  expect(cells(reader.newTuple)).toEqual(['2', '2.50', 'UNCHANGED', '5']);
});

test('REPLICA IDENTITY FULL gives the whole row before', () => {
  const update = read('updateFull');
  expect(update.reader.oldRow).toBe('full');
  expect(update.cells(update.reader.oldTuple)).toEqual(['7', 'a']);
  expect(update.cells(update.reader.newTuple)).toEqual(['7', 'b']);
  const removal = read('deleteFull');
  expect(removal.reader.oldRow).toBe('full');
  expect(removal.cells(removal.reader.oldTuple)).toEqual(['7', 'b']);
});

test('insert, delete, truncate, type and message are read', () => {
  const insert = read('insert');
  expect([insert.reader.relationOid, insert.cells(insert.reader.newTuple)]).toEqual([16399, ['7', 'a']]);
  const removal = read('deleteKey');
  expect([removal.reader.oldRow, removal.cells(removal.reader.oldTuple)[0]]).toEqual(['key', '2']);
  expect(read('truncate').reader.truncated).toEqual([16391, 16399]);
  const message = read('message');
  expect(message.reader).toMatchObject({ transactional: true, prefix: 'pre' });
  expect(message.text(message.reader.contentStart, message.reader.contentEnd)).toBe('body');
  expect(read('type').type).toBe(PGOUTPUT.type);
});

test('oids and transaction ids are unsigned', () => {
  const reader = new PgoutputReader();
  reader.read(Buffer.from('42000000000000000000000000000000000ffffffff0', 'hex'), 0);
  reader.read(Buffer.from('49fffffffe4e0000', 'hex'), 0);
  expect(reader.relationOid).toBe(4294967294);
  reader.read(Buffer.from(`42${'00'.repeat(16)}fffffffe`, 'hex'), 0);
  expect(reader.xid).toBe(4294967294);
});

test('a message of a later protocol is refused', () => {
  expect(() => new PgoutputReader().read(Buffer.from('S', 'latin1'), 0)).toThrow('no message of pgoutput');
});

test('a message that reaches into the one behind it is refused', () => {
  const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
  const neighbour = bytes(CAPTURED.insert);
  const refused = expect.objectContaining({ code: 'source.protocol', order: 'stop' });
  const longer = {
    'a value': '490000400f4e0002740000001037740000000161',
    'a value that leads backwards': '490000400f4e000274fffffff037740000000161',
    'more columns': '490000400f4efffe740000000137740000000161',
    'the content of a message': '4d010000000001be4358707265000000004f626f6479',
    'a text without an end': '520000400f7075626c6963',
    'tables of a truncate': '54ffffffff000000400f',
    'a commit cut short': '43000000000001be5a28',
  };
  for (const [what, hex] of Object.entries(longer)) {
    const segment = Buffer.concat([bytes(hex), neighbour, neighbour]);
    expect(() => new PgoutputReader().read(segment, 0, bytes(hex).length), what).toThrow(refused);
  }
});
