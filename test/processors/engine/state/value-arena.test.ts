import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ValueArena } from '../../../../processors/engine/state/value-arena.ts';

const SLAB_BYTES = 256 * 1024;

type Step =
  | { readonly kind: 'add'; readonly length: number; readonly fill: number }
  | { readonly kind: 'release'; readonly which: number }
  | { readonly kind: 'compact' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('add' as const),
        length: fc.oneof(fc.nat(200), fc.nat(40_000)),
        fill: fc.nat(255),
      }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('release' as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'compact' as const }) },
  ),
  { maxLength: 120, size: 'max' },
);

test('gives back what was put in, whatever is released and moved around it', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const arena = new ValueArena();
      const held: { slot: number; value: Buffer }[] = [];
      for (const step of all) {
        if (step.kind === 'compact') arena.compact();
        else if (step.kind === 'release') {
          const [gone] = held.splice(step.which % Math.max(1, held.length), 1);
          if (gone !== undefined) arena.release(gone.slot);
        } else {
          const value = Buffer.alloc(step.length, step.fill);
          held.push({ slot: arena.add(value), value });
        }
        for (const { slot, value } of held) if (!arena.get(slot).equals(value)) return false;
      }
      return true;
    }),
    { numRuns: 200 },
  );
});

test('a view stays as it was when its slot is given back and used again', () => {
  const arena = new ValueArena();
  const slots = Array.from({ length: 5_000 }, (_, i) => arena.add(Buffer.alloc(100, i)));
  const view = arena.get(slots[7] as number);
  for (const slot of slots) arena.release(slot);
  arena.compact();
  for (let i = 0; i < 5_000; i++) arena.add(Buffer.alloc(100, 0xee));
  expect(view).toEqual(Buffer.alloc(100, 7));
});

test('memory stays below twice what is held while values are replaced', () => {
  const arena = new ValueArena();
  const slots = Array.from({ length: 20_000 }, (_, i) => arena.add(Buffer.alloc(92, i)));
  const heldBytes = slots.length * 100;
  let random = 1;
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 1_000; i++) {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
      const at = (random >>> 8) % slots.length;
      arena.release(slots[at] as number);
      slots[at] = arena.add(Buffer.alloc(92, at));
    }
    arena.compact();
    expect(arena.bytes).toBeLessThan(2 * heldBytes + 2 * SLAB_BYTES);
  }
  slots.forEach((slot, i) => expect(arena.get(slot)[0]).toBe(i % 256));
});

test('a slot that was given back has no value', () => {
  const arena = new ValueArena();
  const slot = arena.add(Buffer.from('a'));
  arena.release(slot);
  expect(() => arena.get(slot)).toThrow('has no value');
});
