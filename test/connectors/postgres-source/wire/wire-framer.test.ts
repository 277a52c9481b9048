import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { WireFramer } from '../../../../connectors/postgres-source/wire/wire-framer.ts';

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.from(`${type}....`);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

/** Bytes as a socket brings them: into the room that it is given. */
function read(framer: WireFramer, bytes: Buffer): Buffer[] {
  const segments: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const copied = bytes.copy(framer.room(), 0, at);
    const segment = framer.arrived(copied);
    if (segment !== null) segments.push(segment);
    at += copied;
  }
  return segments;
}

const push = (framer: WireFramer, bytes: Buffer): Buffer[] => {
  const segment = framer.push(bytes);
  return segment === null ? [] : [segment];
};

test.each([
  { by: 'read', take: read },
  { by: 'push', take: push },
])('however the stream is cut into chunks, the same whole messages come out in order: $by', ({ take }) => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 });
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(bodies, cuts, fc.integer({ min: 0, max: 300_000 }), (contents, sizes, large) => {
      const all = [...contents.slice(0, 3), new Uint8Array(large).fill(9), ...contents.slice(3)];
      const stream = Buffer.concat(all.map((body) => message('d', Buffer.from(body))));
      const seen: Buffer[] = [];
      const framer = new WireFramer((segment, start, end) =>
        seen.push(Buffer.from(segment.subarray(start, end))),
      );
      const segments: Buffer[] = [];
      for (let at = 0, i = 0; at < stream.length; i++) {
        // The large one comes in large chunks.
        const size = (sizes[i % sizes.length] ?? 1) * (1 + Math.floor(large / 1000));
        segments.push(...take(framer, stream.subarray(at, at + size)));
        at += size;
      }
      expect(Buffer.concat(segments).equals(stream)).toBe(true);
      expect(Buffer.concat(seen).equals(stream)).toBe(true);
      expect(seen).toHaveLength(all.length);
      expect(framer.pendingBytes).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('what was given out stays as it was, however much is read behind it', () => {
  const framer = new WireFramer(() => undefined);
  const stream = Array.from({ length: 5_000 }, (_, i) => message('d', Buffer.alloc(200, i % 251)));
  const segments = stream.flatMap((bytes) => read(framer, bytes));
  expect(Buffer.concat(segments).equals(Buffer.concat(stream))).toBe(true);
});

test('memory is read into again when all of its segments are back, and not before', () => {
  const framer = new WireFramer(() => undefined);
  const memory = new Set<ArrayBufferLike>();
  const bytes = message('d', Buffer.alloc(60_000, 1));
  const [kept] = read(framer, bytes);
  for (let i = 0; i < 100; i++)
    for (const segment of read(framer, bytes)) {
      memory.add(segment.buffer);
      framer.giveBack(segment);
    }
  expect(kept?.equals(bytes)).toBe(true);
  expect(memory.size).toBeLessThanOrEqual(4);
});

test('a message larger than the memory that others share is one piece when its last byte is there', () => {
  const whole = message('d', Buffer.alloc(1_000_000, 7));
  const framer = new WireFramer(() => undefined);
  for (let at = 0; at + 1000 < whole.length; at += 1000)
    expect(read(framer, whole.subarray(at, at + 1000))).toEqual([]);
  const rest = whole.length % 1000 || 1000;
  const [segment, ...others] = read(framer, whole.subarray(whole.length - rest));
  expect(segment?.equals(whole)).toBe(true);
  expect([others, framer.pendingBytes]).toEqual([[], 0]);
  expect(framer.room().length).toBeLessThanOrEqual(256 * 1024);
});

test('a large message in many small chunks takes its memory once', () => {
  const framer = new WireFramer(() => undefined);
  const whole = message('d', Buffer.alloc(4_000_000, 7));
  const taken = vi.spyOn(Buffer, 'allocUnsafeSlow');
  const segments: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 1000)
    segments.push(...push(framer, whole.subarray(at, at + 1000)));
  expect(taken.mock.calls.length).toBeLessThanOrEqual(2);
  taken.mockRestore();
  expect(Buffer.concat(segments).equals(whole)).toBe(true);
});

test('a length that no message can have ends the stream', () => {
  const framer = new WireFramer(() => undefined);
  expect(() => framer.push(Buffer.from([0x64, 0, 0, 0, 3]))).toThrow(
    expect.objectContaining({ code: 'source.protocol' }),
  );
});
