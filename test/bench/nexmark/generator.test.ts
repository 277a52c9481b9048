import { expect, test } from 'vitest';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { auctionMsMax, eventTimeMs, nexmarkEvent } from './generator.ts';
import { auctionSchema, bidSchema, personSchema } from './schemas.ts';

const TIMES = { baseMs: Date.UTC(2026, 0, 1), eventsPerSecond: 1_000 };
const EVENTS = 50_000;
const events = Array.from({ length: EVENTS }, (_, n) => nexmarkEvent(TIMES, n));
const of = <T extends 'person' | 'auction' | 'bid'>(type: T) =>
  events.filter((event): event is Extract<(typeof events)[number], { type: T }> => event.type === type);

test('an event follows from its number: asked for again, in any order, it is the same', () => {
  for (const n of [49_999, 0, 1, 12_345]) expect(nexmarkEvent(TIMES, n)).toEqual(events[n]);
});

test('of fifty events one is a person, three are auctions, 46 are bids, with ids that count from 1000 on', () => {
  expect(of('person').map(({ value }) => Number(value.id))).toEqual(
    Array.from({ length: EVENTS / 50 }, (_, i) => 1_000 + i),
  );
  expect(of('auction').map(({ value }) => Number(value.id))).toEqual(
    Array.from({ length: (EVENTS / 50) * 3 }, (_, i) => 1_000 + i),
  );
  expect(of('bid')).toHaveLength((EVENTS / 50) * 46);
});

test('no two events share a timestamp at the default rate', () => {
  expect(events.every(({ timeMs }, n) => timeMs === TIMES.baseMs + n)).toBe(true);
  expect(eventTimeMs({ baseMs: 0, eventsPerSecond: 10_000 }, 25)).toBe(2);
});

test('records have the mean sizes of Nexmark', () => {
  const registry = connectRegistry({ url: 'http://127.0.0.1:1', clientId: 'none' });
  const mean = (schema: { avro: typeof bidSchema.avro }, values: readonly unknown[]): number => {
    const serde = AvroSerde.reader<unknown>(registry, schema.avro);
    const bytes = values.reduce<number>((sum, value) => sum + serde.encodeBody(value).length, 0);
    return bytes / values.length;
  };
  const values = (type: 'person' | 'auction' | 'bid'): readonly unknown[] =>
    of(type).map(({ value }) => value);
  // Avro writes numbers shorter than the 8 bytes that Nexmark counts for each.
  expect(mean(personSchema, values('person'))).toSatisfy((bytes: number) => bytes > 170 && bytes < 230);
  expect(mean(auctionSchema, values('auction'))).toSatisfy((bytes: number) => bytes > 430 && bytes < 530);
  expect(mean(bidSchema, values('bid'))).toSatisfy((bytes: number) => bytes > 80 && bytes < 130);
});

test('half of the bids are for the hot auction, and some come before their auction', () => {
  const opened = new Map(of('auction').map(({ value }) => [value.id, value.date_time]));
  const late = of('bid').slice(10_000);
  const isHot = (id: bigint): boolean => (id - 1_000n) % 100n === 0n;
  expect(late.filter(({ value }) => isHot(value.auction)).length / late.length).toBeCloseTo(0.5, 1);
  const early = late.filter(({ value }) => (opened.get(value.auction) ?? 0n) > value.date_time);
  expect(early.length / late.length).toBeGreaterThan(0.02);
});

test('an auction is open for as long as it says at most', () => {
  const lengths = of('auction').map(({ value }) => Number(value.expires - value.date_time));
  expect(Math.max(...lengths)).toBeLessThanOrEqual(auctionMsMax(TIMES));
  expect(Math.max(...lengths)).toBeGreaterThan(auctionMsMax(TIMES) * 0.95);
});
