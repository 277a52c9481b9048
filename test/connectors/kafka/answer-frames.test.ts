import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AnswerFrames } from '../../../connectors/kafka/answer-frames.ts';

function framed(answers: readonly Buffer[]): Buffer {
  return Buffer.concat(
    answers.flatMap((answer) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(answer.length);
      return [length, answer];
    }),
  );
}

const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((content) => Buffer.from(content));

test('answers come out as they went in, however the network cuts them, and from a buffer that is used again', () => {
  fc.assert(
    fc.property(
      fc.array(bytes, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 30 })),
      (answers, cuts) => {
        const stream = framed(answers);
        const frames = new AnswerFrames();
        const seen: Buffer[] = [];
        const chunk = Buffer.alloc(30);
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const length = Math.min(cuts[cut] ?? 30, stream.length - at);
          stream.copy(chunk, 0, at, at + length);
          frames.push(chunk.subarray(0, length), (frame) => void seen.push(frame));
          at += length;
          chunk.fill(0xee);
        }
        expect(seen).toEqual(answers);
      },
    ),
  );
});

test('an empty answer is an answer', () => {
  const seen: Buffer[] = [];
  new AnswerFrames().push(framed([Buffer.alloc(0), Buffer.from('x')]), (frame) => void seen.push(frame));
  expect(seen.map(String)).toEqual(['', 'x']);
});

test('what cannot be the length of an answer is refused', () => {
  const frames = new AnswerFrames();
  expect(() => frames.push(Buffer.from('HTTP/1.1'), () => undefined)).toThrow(/1213486160 bytes/);
  expect(() => frames.push(Buffer.from([0xff, 0xff, 0xff, 0xff]), () => undefined)).toThrow(RangeError);
});
