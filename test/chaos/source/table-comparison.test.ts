import { expect, test } from 'vitest';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import { CHANGE_EVENT_FIELDS } from '../../../schemas/change-event.ts';
import { compileType } from '../../../schemas/serde/avro-type.ts';
import type { ForeignBytes } from '../../support/kcat-bytes.ts';
import { recordReader } from '../avro-text.ts';
import { chaosTable, presentNames } from './chaos-table.ts';
import { Findings } from '../findings.ts';
import { Identities } from './identities.ts';
import { type TableContent, compareKeyless, compareTable } from './table-comparison.ts';
import { TopicFold } from './topic-fold.ts';

const column = (name: string): { name: string; type: AvroSchema; default: null } => ({
  name,
  type: ['null', 'string'],
  default: null,
});
const record = (name: string, fields: readonly unknown[]): AvroSchema =>
  ({ type: 'record', name, fields }) as unknown as AvroSchema;

/** By schema id: the key, a first shape, and a second one where `v` is named `w` and `x` has come. */
const SCHEMAS = [
  record('Key', [{ name: 'id', type: 'string' }]),
  record('Value', [{ name: 'id', type: 'string' }, column('v'), ...CHANGE_EVENT_FIELDS]),
  record('Value', [{ name: 'id', type: 'string' }, column('w'), column('x'), ...CHANGE_EVENT_FIELDS]),
];

function framed(schemaId: number, value: Readonly<Record<string, unknown>>): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeInt32BE(schemaId, 1);
  return Buffer.concat([frame, compileType(SCHEMAS[schemaId] as AvroSchema).toBuffer(value)]);
}

interface Told {
  readonly lsn: number;
  readonly seq?: number;
  readonly id: string;
  /** Null for a tombstone. */
  readonly values: Readonly<Record<string, unknown>> | null;
  readonly schemaId?: number;
  readonly op?: string;
  readonly partition?: number;
  readonly keyless?: boolean;
}

/** Folds records whose offsets count from 0. */
async function folded(
  told: readonly Told[],
  findings: Findings,
  identities: Identities,
  versionColumn: string | null = null,
): Promise<TopicFold> {
  const table = {
    ...chaosTable({ key: ['id'] } as never, 't'),
    columns: [{ name: 'w' }, { name: 'x' }] as never,
  };
  table.renames.push(['v', 'w']);
  const fold = new TopicFold({
    topic: 'p.public.t',
    columnOf: presentNames(table),
    numberColumn: 'id',
    versionColumn,
    readerOf: (schemaId) => Promise.resolve(recordReader(SCHEMAS[schemaId] as AvroSchema)),
    identities,
    findings,
  });
  for (const [
    offset,
    { lsn, seq = 1, id, values, schemaId = 2, op = 'u', partition = 0, keyless },
  ] of told.entries()) {
    const envelope = {
      __op: op,
      __commit_ts: 0n,
      __lsn: BigInt(lsn),
      __seq: BigInt(seq),
      __xid: 1n,
      __unchanged: [],
    };
    const row = { id, v: null, w: null, x: null, ...envelope, ...values };
    const read: ForeignBytes = {
      partition,
      offset,
      key: keyless === true ? null : framed(0, { id }),
      value: values === null ? null : framed(schemaId, row),
      headers: values === null ? `__op=d,__commit_ts=0,__lsn=${lsn},__seq=${seq}` : '',
    };
    await fold.add(read);
  }
  return fold;
}

const content = (rows: Readonly<Record<string, readonly (string | null)[]>>, keyed = true): TableContent => ({
  name: 't',
  columns: ['w', 'x'],
  rows: new Map(Object.entries(rows).map(([id, values]) => [keyed ? JSON.stringify([id]) : id, values])),
  defaults: new Map([['x', 'given']]),
  isMissTold: false,
});

async function compared(
  told: readonly Told[],
  rows: Readonly<Record<string, readonly (string | null)[]>>,
  isMissTold = false,
): Promise<Findings> {
  const findings = new Findings();
  compareTable(
    { ...content(rows), isMissTold },
    await folded(told, findings, new Identities(findings)),
    findings,
  );
  return findings;
}

test('a topic that stands for its table has nothing to tell', async () => {
  const told = [
    { lsn: 1, id: 'a', values: { w: '1', x: 'y' }, op: 'c' },
    { lsn: 2, id: 'b', values: { w: '1' }, op: 'c' },
    { lsn: 3, id: 'a', values: { w: '2', x: null } },
    { lsn: 4, id: 'b', values: null },
  ];
  expect((await compared(told, { a: ['2', null] })).counts.size).toBe(0);
});

test('rows that are missing, old, or left over are told apart and named', async () => {
  const told = [
    { lsn: 1, id: 'old', values: { w: '1' } },
    { lsn: 2, id: 'gone', values: { w: '1' } },
  ];
  const findings = await compared(told, { lost: ['1', null], old: ['2', null] });
  expect([findings.of('lost'), findings.of('stale')]).toEqual([1, 2]);
  expect(findings.examples.join('\n')).toContain('w is "2" and there "1"; schema 2 (id, w, x)');
  expect(findings.examples.join('\n')).toContain('["gone"] is in the topic at 0/1');
});

test('a record from before a rename and an added default still stands for its row', async () => {
  const told = [{ lsn: 1, id: 'a', values: { v: '1' }, schemaId: 1 }];
  expect((await compared(told, { a: ['1', 'given'] })).counts.size).toBe(0);
  expect((await compared(told, { a: ['1', null] })).of('stale')).toBe(1);
});

test('a value that was not sent is the older one, also under the name it had then', async () => {
  const told = [
    { lsn: 1, id: 'a', values: { v: 'big' }, schemaId: 1 },
    { lsn: 2, id: 'a', values: { x: 'y', __unchanged: ['w'] } },
  ];
  expect((await compared(told, { a: ['big', 'y'] }, true)).counts.size).toBe(0);
  expect((await compared(told.slice(1), { a: ['big', 'y'] }, true)).of('stale')).toBe(1);
});

test('a last record that lacks a value is told of, unless the source has said so', async () => {
  const told = [
    { lsn: 1, id: 'a', values: { w: 'big' } },
    { lsn: 2, id: 'a', values: { x: 'y', __unchanged: ['w'] } },
  ];
  const findings = await compared(told, { a: ['big', 'y'] });
  expect([...findings.counts]).toEqual([['holed', 1]]);
  expect(findings.examples.join('\n')).toContain('["a"] at 0/1: no w; schema 2 (id, w, x)');
  const whole = [...told, { lsn: 3, id: 'a', values: { w: 'big', x: 'y' } }];
  expect((await compared(whole, { a: ['big', 'y'] })).counts.size).toBe(0);
});

test('an identity twice is a duplicate; only a changed key has a tombstone and a row', async () => {
  const moved = [
    { lsn: 5, id: 'a', values: null },
    { lsn: 5, id: 'b', values: { w: '1' }, op: 'c' },
  ];
  expect((await compared(moved, { b: ['1', null] })).counts.size).toBe(0);
  const twice = await compared([...moved, ...moved], { b: ['1', null] });
  expect(twice.of('duplicated')).toBe(2);
  const findings = new Findings();
  const identities = new Identities(findings);
  identities.add('one', '0/0', 5n, 1n, true);
  identities.add('other', '0/0', 5n, 1n, false);
  expect(findings.of('duplicated')).toBe(1);
});

test('a key whose identities go back, or that changes its partition, is told of', async () => {
  const back = await compared(
    [
      { lsn: 5, seq: 2, id: 'a', values: { w: '1' } },
      { lsn: 5, seq: 1, id: 'a', values: { w: '1' }, partition: 1 },
    ],
    { a: ['1', null] },
  );
  expect([back.of('out of order'), back.of('moved')]).toEqual([1, 1]);
});

test('a row that is older than what was told before has regressed, unless it had gone', async () => {
  const told = [
    { lsn: 1, id: 'a', values: { w: '7' } },
    { lsn: 2, id: 'a', values: { w: '7' } },
    { lsn: 3, id: 'a', values: { w: '6' } },
    { lsn: 4, id: 'a', values: null },
    { lsn: 5, id: 'a', values: { w: '5' } },
  ];
  const findings = new Findings();
  await folded(told, findings, new Identities(findings), 'w');
  expect([...findings.counts]).toEqual([['regressed', 1]]);
});

test('a row without a key is there once, unless its first copy was begun again', async () => {
  const told = [
    { lsn: 1, seq: 1, id: '1', values: { w: 'a' }, op: 'r', keyless: true },
    { lsn: 1, seq: 1, id: '1', values: { w: 'a' }, op: 'r', keyless: true },
    { lsn: 9, id: '2', values: { w: 'b' }, op: 'c', keyless: true },
  ];
  const rows = { 1: ['a', null], 2: ['b', null] };
  for (const [copies, duplicated] of [
    [1, 1],
    [2, 0],
  ] as const) {
    const findings = new Findings();
    const fold = await folded(told, findings, new Identities(findings));
    expect(compareKeyless(content(rows, false), fold, copies, findings)).toBe(1 - duplicated);
    expect([findings.of('duplicated'), findings.of('lost')]).toEqual([duplicated, 0]);
  }
  const findings = new Findings();
  const inserted = { lsn: 9, id: '1', values: { w: 'a' }, op: 'c', keyless: true };
  const fold = await folded([inserted, { ...inserted, lsn: 10 }], findings, new Identities(findings));
  compareKeyless(content({ 1: ['a', null] }, false), fold, 5, findings);
  expect(findings.of('duplicated')).toBe(1);
});
