import { expect, test } from 'vitest';
import { Delivery } from '../../../connectors/kafka/delivery.ts';

const PARTITION = { topic: 'orders', partition: 3 };

const stateOf = (delivery: Delivery): Promise<unknown> =>
  Promise.race([delivery.done, Promise.resolve('waiting')]);

test('a delivery that may still get records is not done, even when all it has are acknowledged', async () => {
  const delivery = new Delivery();
  delivery.joinBatch();
  delivery.acknowledge(PARTITION, 7);
  expect(await stateOf(delivery)).toBe('waiting');
  delivery.complete();
  expect(await delivery.done).toEqual([{ ...PARTITION, offset: 7 }]);
});

test('a delivery of nothing is done', async () => {
  const delivery = new Delivery();
  delivery.complete();
  expect(await delivery.done).toEqual([]);
});

test('a failure that nobody waits for yet is kept for who comes', async () => {
  const delivery = new Delivery();
  delivery.joinBatch();
  delivery.fail(new Error('gone'));
  await expect(delivery.done).rejects.toThrow('gone');
});
