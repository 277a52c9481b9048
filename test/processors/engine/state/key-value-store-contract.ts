import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type StoreRig, restored } from './store-rig.ts';
import type { KeyValueStore } from '../../../../processors/engine/state/store.ts';

const key = fc.uint8Array({ maxLength: 2 }).map((bytes) => Buffer.from(bytes));
const value = fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes));

type Step =
  | { readonly kind: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly kind: 'delete'; readonly key: Buffer }
  | { readonly kind: 'commit' | 'rollback' | 'restore' | 'reopen' };

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('put' as const), key, value }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('commit' as const, 'rollback' as const, 'restore' as const, 'reopen' as const),
      }),
    },
  ),
  { maxLength: 60, size: 'max' },
) satisfies fc.Arbitrary<Step[]>;

const text = (bytes: Buffer): string => bytes.toString('latin1');

/** What every key-value store promises, checked against a Map. */
export function keyValueStoreContract(name: string, rig: StoreRig<KeyValueStore>, runs: number): void {
  const { open } = rig;
  describe(`a ${name} key-value store`, () => {
    test(
      'is a map whose staged writes can be taken back and whose changelog rebuilds it',
      { timeout: 30_000 },
      async () => {
        await fc.assert(
          fc.asyncProperty(steps, (all) => compareWithMap(rig, all)),
          { numRuns: runs },
        );
      },
    );

    test('stages nothing for a key that came and went', async () => {
      const { store } = await open();
      store.put(Buffer.from('a'), Buffer.from('1'));
      store.delete(Buffer.from('a'));
      expect([...store.staged()]).toEqual([]);
    });

    test('ranges go by bytes, from the first key to before the last', async () => {
      const { store } = await open();
      for (const byte of [0xff, 0x00, 0x7f, 0x80]) store.put(Buffer.from([byte]), Buffer.from([byte]));
      const keys = (from: number | null, to: number | null): (number | undefined)[] =>
        [
          ...store.range(from === null ? null : Buffer.from([from]), to === null ? null : Buffer.from([to])),
        ].map((entry) => entry.key[0]);
      expect(keys(null, null)).toEqual([0x00, 0x7f, 0x80, 0xff]);
      expect(keys(0x7f, 0xff)).toEqual([0x7f, 0x80]);
    });
  });
}

async function compareWithMap({ open }: StoreRig<KeyValueStore>, all: readonly Step[]): Promise<void> {
  let opened = await open();
  let committed = new Map<string, Buffer>();
  let model = new Map<string, Buffer>();
  const changelog = new Map<string, Buffer | null>();
  for (const step of all) {
    let { store } = opened;
    if (step.kind === 'put') {
      store.put(step.key, step.value);
      model.set(text(step.key), step.value);
    } else if (step.kind === 'delete') {
      store.delete(step.key);
      model.delete(text(step.key));
    } else if (step.kind === 'commit') {
      for (const change of store.staged()) changelog.set(text(change.key), change.value);
      await opened.commit();
      committed = new Map(model);
    } else {
      if (step.kind === 'rollback') store.rollback();
      else if (step.kind === 'restore') opened = await restored(open, changelog);
      else opened = (await opened.reopen?.()) ?? (await restored(open, changelog));
      ({ store } = opened);
      model = new Map(committed);
    }
    expect(store.entries).toBe(model.size);
    expect([...store.range(null, null)].map((entry) => [text(entry.key), text(entry.value)])).toEqual(
      [...model].map(([id, bytes]) => [id, text(bytes)]).sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    );
    for (const [id, bytes] of model) expect(store.get(Buffer.from(id, 'latin1'))).toEqual(bytes);
  }
}
