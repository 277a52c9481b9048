import { expect, test } from 'vitest';
import { testDriver } from '../../processors/engine/test-driver.ts';
import { topology } from '../../processors/engine/topology.ts';
import { whyText } from '../../processors/why-text.ts';
import type { Topic } from '../../schemas/topic.ts';

const text = { kind: 'stream', key: 'string', value: 'string', partitions: 1 } as const;
const lefts: Topic<string, string> = { ...text, name: 'lefts' };
const rights: Topic<string, string> = { ...text, name: 'rights' };

test('an answer reads as what waits, until when, and what happens then', () => {
  const driver = testDriver(
    topology('asked', (builder) => {
      const grace = 5;
      builder.stream(lefts).leftJoin('paired', builder.stream(rights), { within: 10, grace }, () => '');
    }),
  );
  driver.pipe(lefts, 'a', 'one', { timestamp: 100 });
  expect(whyText(driver.why('a'))).toBe(
    'paired (stream-stream-join, task 0_0): stream time 100 (1970-01-01T00:00:00.100Z)\n' +
      '  left unmatched {"key":"a","value":"one","time":100,"commitTime":100}\n' +
      '    until 116 (1970-01-01T00:00:00.116Z), in 16 ms of stream time: it comes out without a partner\n',
  );
  expect(whyText(driver.why('b'))).toContain('nothing is pending');
});

test('what is not here is told with who has it', () => {
  const missed = { operator: 'paired', subTopology: 0, partition: 3 };
  const instance = { instance: 'p2', host: '/10.0.0.2' };
  const answer = { operators: [], elsewhere: [{ ...missed, instance }], unlike: ['sums'], truncated: true };
  expect(whyText(answer)).toBe(
    'paired: task 0_3 is not here, ask p2 on /10.0.0.2\nkeys of another type: sums\nthere is more than an answer holds\n',
  );
  expect(whyText({ ...answer, elsewhere: [{ ...missed, instance: null }] })).toContain('nobody has it now');
});
