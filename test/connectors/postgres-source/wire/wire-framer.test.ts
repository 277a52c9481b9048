import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WireFramer } from '../../../../connectors/postgres-source/wire/wire-framer.ts';

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.from(`${type}....`);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

test('however the stream is cut into chunks, the same whole messages come out in order', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 });
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(bodies, cuts, (contents, sizes) => {
      const stream = Buffer.concat(contents.map((body) => message('d', Buffer.from(body))));
      const seen: Buffer[] = [];
      const framer = new WireFramer((segment, start, end) =>
        seen.push(Buffer.from(segment.subarray(start, end))),
      );
      const segments: Buffer[] = [];
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length] ?? 1;
        const segment = framer.push(stream.subarray(at, at + size));
        if (segment !== null) segments.push(segment);
        at += size;
      }
      expect(Buffer.concat(segments)).toEqual(stream);
      expect(seen).toEqual(contents.map((body) => message('d', Buffer.from(body))));
    }),
  );
});

test('a large message in many chunks is joined once, when its last byte is there', () => {
  const whole = message('d', Buffer.alloc(1_000_000, 7));
  const framer = new WireFramer(() => undefined);
  for (let at = 0; at + 1000 < whole.length; at += 1000)
    expect(framer.push(whole.subarray(at, at + 1000))).toBeNull();
  const rest = whole.length % 1000 || 1000;
  expect(framer.push(whole.subarray(whole.length - rest))).toEqual(whole);
  expect(framer.pendingBytes).toBe(0);
});

test('a length that no message can have ends the stream', () => {
  const framer = new WireFramer(() => undefined);
  expect(() => framer.push(Buffer.from([0x64, 0, 0, 0, 3]))).toThrow(
    expect.objectContaining({ code: 'source.protocol' }),
  );
});
