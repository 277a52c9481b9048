import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type StoreRig, restored } from './store-rig.ts';
import type { WindowEntry, WindowStore } from '../../../../processors/engine/state/store.ts';

const key = fc.constantFrom('', 'a', 'b').map((text) => Buffer.from(text));
const time = fc.integer({ min: -5, max: 20 });

type Step =
  | { readonly kind: 'put'; readonly key: Buffer; readonly time: number }
  | { readonly kind: 'remove' | 'replace'; readonly pick: number }
  | { readonly kind: 'expire' | 'advance'; readonly time: number }
  | { readonly kind: 'commit' | 'rollback' | 'restore' | 'reopen' };

const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('put' as const), key, time }) },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constantFrom('remove' as const, 'replace' as const), pick: fc.nat() }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom('expire' as const, 'advance' as const), time }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('commit' as const, 'rollback' as const, 'restore' as const, 'reopen' as const),
      }),
    },
  ),
  { maxLength: 80, size: 'max' },
) satisfies fc.Arbitrary<Step[]>;

interface Model {
  entries: WindowEntry[];
  streamTime: number;
}

/** What every window store promises, checked against a sorted list. */
export function windowStoreContract(name: string, rig: StoreRig<WindowStore>, runs: number): void {
  const { open } = rig;
  describe(`a ${name} window store`, () => {
    test(
      'is a list in order of time whose staged writes can be taken back and whose changelog rebuilds it',
      { timeout: 30_000 },
      async () => {
        await fc.assert(
          fc.asyncProperty(steps, (all) => compareWithList(rig, all)),
          { numRuns: runs },
        );
      },
    );

    test('equal keys and times stay apart, in order of arrival', async () => {
      const { store } = await open();
      const own = Buffer.from('k');
      for (const value of ['1', '2', '3']) store.put(own, 5, Buffer.from(value));
      expect(store.fetch(own, 5, 5).map((entry) => entry.value.toString())).toEqual(['1', '2', '3']);
    });

    test('entries that share time and number are in order of their keys, after a restore too', async () => {
      const { store } = await open();
      for (const own of ['b', 'c', 'a']) store.put(Buffer.from(own), 5, Buffer.from(own), 7);
      const { store: other } = await open();
      for (const change of store.staged()) other.restore(change.key, change.value);
      for (const each of [store, other]) {
        const order: string[] = [];
        for (let next = each.oldest(); next !== null; next = each.oldest()) {
          order.push(next.key.toString());
          each.remove(next.key, next.time, next.seq);
        }
        expect(order).toEqual(['a', 'b', 'c']);
      }
    });

    test('an entry that came and went within one commit never reaches the changelog', async () => {
      const { store } = await open();
      store.put(Buffer.from('k'), 1, Buffer.from('v'));
      store.expire(2);
      expect([...store.staged()]).toEqual([]);
    });

    test('a value that is replaced is staged, and taken back by a rollback', async () => {
      const { store, commit } = await open();
      const value = Buffer.from('v');
      store.put(Buffer.from('k'), 1, value);
      await commit();
      const [entry] = store.fetch(Buffer.from('k'), 1, 1) as [WindowEntry];
      store.replace(entry, Buffer.from('w'));
      expect([...store.staged()].map((change) => change.value?.toString())).toEqual(['w']);
      store.rollback();
      expect(store.fetch(Buffer.from('k'), 1, 1).map((own) => own.value.toString())).toEqual(['v']);
      expect([...store.staged()]).toEqual([]);
    });

    test('a clock that only moved is kept as well', async () => {
      const { store } = await open();
      store.advance(1_700_000_000_000);
      const changes = [...store.staged()];
      const { store: other } = await open();
      for (const change of changes) other.restore(change.key, change.value);
      expect(other.streamTime).toBe(1_700_000_000_000);
    });
  });
}

async function compareWithList({ open }: StoreRig<WindowStore>, all: readonly Step[]): Promise<void> {
  let opened = await open();
  let model: Model = { entries: [], streamTime: Number.NEGATIVE_INFINITY };
  let committed: Model = copy(model);
  const changelog = new Map<string, Buffer | null>();
  for (const step of all) {
    const { store } = opened;
    if (step.kind === 'put') put(store, model, step.key, step.time);
    else if (step.kind === 'remove') remove(store, model, step.pick);
    else if (step.kind === 'replace') replace(store, model, step.pick);
    else if (step.kind === 'expire') {
      store.expire(step.time);
      model.entries = model.entries.filter((entry) => entry.time >= step.time);
    } else if (step.kind === 'advance') {
      store.advance(step.time);
      model.streamTime = Math.max(model.streamTime, step.time);
    } else if (step.kind === 'commit') {
      for (const change of store.staged()) changelog.set(change.key.toString('latin1'), change.value);
      await opened.commit();
      committed = copy(model);
    } else {
      if (step.kind === 'rollback') store.rollback();
      else if (step.kind === 'restore') opened = await restored(open, changelog);
      else opened = (await opened.reopen?.()) ?? (await restored(open, changelog));
      model = copy(committed);
    }
    compare(opened.store, model);
  }
}

function put(store: WindowStore, model: Model, own: Buffer, at: number): void {
  const value = Buffer.from(String(model.entries.length));
  const seq = store.put(own, at, value);
  model.entries.push({ key: own, time: at, seq, value });
  model.entries.sort((a, b) => a.time - b.time || a.seq - b.seq);
}

function remove(store: WindowStore, model: Model, pick: number): void {
  const entry = model.entries[pick % Math.max(1, model.entries.length)];
  if (entry === undefined) return;
  store.remove(entry.key, entry.time, entry.seq);
  model.entries = model.entries.filter((other) => other !== entry);
}

function replace(store: WindowStore, model: Model, pick: number): void {
  const at = pick % Math.max(1, model.entries.length);
  const entry = model.entries[at];
  if (entry === undefined) return;
  const value = Buffer.from(`${entry.value.toString()}+`);
  store.replace(entry, value);
  model.entries[at] = { ...entry, value };
}

function compare(store: WindowStore, model: Model): void {
  expect(store.entries).toBe(model.entries.length);
  expect(store.streamTime).toBe(model.streamTime);
  expect(store.oldest()).toEqual(
    model.entries[0] === undefined ? null : expect.objectContaining(model.entries[0]),
  );
  for (const own of ['', 'a', 'b'].map((text) => Buffer.from(text))) {
    const wanted = model.entries.filter(
      (entry) => entry.key.equals(own) && entry.time >= 0 && entry.time <= 10,
    );
    const plain = ({ time: at, seq, value }: WindowEntry): unknown[] => [at, seq, value.toString()];
    expect(store.fetch(own, 0, 10).map(plain)).toEqual(wanted.map(plain));
  }
}

const copy = (model: Model): Model => ({ entries: [...model.entries], streamTime: model.streamTime });
