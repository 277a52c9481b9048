import { EventRandom } from './event-random.ts';
import { exactText, extraText, shortText } from './filler-text.ts';
import type { Auction, Bid, Person } from './schemas.ts';

/**
 * The events of Nexmark (https://github.com/nexmark/nexmark), written anew: 2 % persons, 6 % auctions, 92 % bids, hot
 * keys, ids and mean sizes as there. It differs knowingly:
 * - an event follows from its number, the rate and the base time alone: there the random numbers have no seed, so that
 *   nobody can say what the right answers are;
 * - a bidder's id is a person's: the Flink port has added the first id twice in some versions;
 * - one event a millisecond unless asked otherwise, where Nexmark has ten: no two events share a timestamp, so what came
 *   first is never left to chance;
 * - a category is an int.
 */
export interface EventTimes {
  /** Time of event 0, milliseconds since the Unix epoch. */
  readonly baseMs: number;
  readonly eventsPerSecond: number;
}

export type EventType = 'person' | 'auction' | 'bid';

export type NexmarkEvent =
  | { readonly type: 'person'; readonly timeMs: number; readonly value: Person }
  | { readonly type: 'auction'; readonly timeMs: number; readonly value: Auction }
  | { readonly type: 'bid'; readonly timeMs: number; readonly value: Bid };

/** Events come in rounds: a person, three auctions, 46 bids. */
const ROUND = 50;
const AUCTIONS = 3;
const FIRST_ID = 1_000;
const FIRST_CATEGORY = 10;
const CATEGORIES = 5;
const MEAN_BYTES = { person: 200, auction: 500, bid: 100 } as const;
/** A hot key is the first one of the newest hundred (for bidders the second, so that they are no hot sellers too). */
const HOT_BATCH = 100;
const HOT_ONE_IN = { auction: 2, bidder: 4, seller: 4 } as const;
const IN_FLIGHT_AUCTIONS = 100;
const ACTIVE_PERSONS = 1_000;
/** Ids that may be named before they exist: what refers to them comes first. */
const LEAD = 10;

const STATES = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY'];
const CITIES = 'Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne'.split(
  ',',
);
const FIRST_NAMES = 'Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter'.split(',');
const LAST_NAMES = 'Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris'.split(',');
const CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'];
const OTHER_CHANNELS = 10_000;

/** Time of event `n`: whole milliseconds. */
export function eventTimeMs({ baseMs, eventsPerSecond }: EventTimes, n: number): number {
  return baseMs + Math.floor((n * 1_000) / eventsPerSecond);
}

/** Half of this is how long an auction is open on average: until so many more have begun. */
export function auctionMsMax({ eventsPerSecond }: EventTimes): number {
  const events = Math.floor((IN_FLIGHT_AUCTIONS * ROUND) / AUCTIONS);
  return Math.max(2, Math.floor((2 * events * 1_000) / eventsPerSecond));
}

export function eventType(n: number): EventType {
  const place = n % ROUND;
  if (place === 0) return 'person';
  return place > AUCTIONS ? 'bid' : 'auction';
}

/** How many events hold so many of some types: whole rounds. */
export function eventsWith(records: number, types: ReadonlySet<EventType>): number {
  let inRound = 0;
  for (let n = 0; n < ROUND; n++) if (types.has(eventType(n))) inRound++;
  return Math.ceil(records / inRound) * ROUND;
}

export function nexmarkEvent(times: EventTimes, n: number): NexmarkEvent {
  const random = new EventRandom(n);
  const timeMs = eventTimeMs(times, n);
  const type = eventType(n);
  if (type === 'person') return { type, timeMs, value: person(random, n, timeMs) };
  if (type === 'bid') return { type, timeMs, value: bid(random, n, timeMs) };
  return { type, timeMs, value: auction(random, n, timeMs, auctionMsMax(times)) };
}

/** Numbers of the newest person and auction at event `n`, from 0 on. */
const lastPerson = (n: number): number => Math.floor(n / ROUND);
const lastAuction = (n: number): number =>
  Math.floor(n / ROUND) * AUCTIONS + Math.min(n % ROUND, AUCTIONS) - 1;

const id = (number: number): bigint => BigInt(FIRST_ID + number);
const hot = (last: number): number => Math.floor(last / HOT_BATCH) * HOT_BATCH;

/** One of the newest `among`, or of those to come. */
function recent(random: EventRandom, last: number, among: number): number {
  const known = Math.min(last + 1, among);
  return last + 1 - known + random.below(known + LEAD);
}

/** Most prices are low, few are very high. */
const price = (random: EventRandom): number => Math.round(10 ** (random.fraction() * 6) * 100);

function person(random: EventRandom, n: number, timeMs: number): Person {
  const name = `${random.pick(FIRST_NAMES)} ${random.pick(LAST_NAMES)}`;
  const email_address = `${shortText(random, 7)}@${shortText(random, 5)}.com`;
  const card = Array.from({ length: 4 }, () => String(random.below(10_000)).padStart(4, '0'));
  const [city, state] = [random.pick(CITIES), random.pick(STATES)];
  const bytes = 8 + name.length + email_address.length + 19 + city.length + state.length;
  return {
    id: id(lastPerson(n)),
    name,
    email_address,
    credit_card: card.join(' '),
    city,
    state,
    date_time: BigInt(timeMs),
    extra: extraText(random, bytes, MEAN_BYTES.person),
  };
}

function auction(random: EventRandom, n: number, timeMs: number, lengthMsMax: number): Auction {
  const persons = lastPerson(n);
  const isHot = random.below(HOT_ONE_IN.seller) > 0;
  const seller = isHot ? hot(persons) : recent(random, persons, ACTIVE_PERSONS);
  const [item_name, description] = [shortText(random, 20), shortText(random, 100)];
  const initialBid = price(random);
  const bytes = 8 + item_name.length + description.length + 8 * 5;
  return {
    id: id(lastAuction(n)),
    item_name,
    description,
    initial_bid: BigInt(initialBid),
    reserve: BigInt(initialBid + price(random)),
    date_time: BigInt(timeMs),
    expires: BigInt(timeMs + 1 + random.below(lengthMsMax)),
    seller: id(seller),
    category: FIRST_CATEGORY + random.below(CATEGORIES),
    extra: extraText(random, bytes, MEAN_BYTES.auction),
  };
}

function bid(random: EventRandom, n: number, timeMs: number): Bid {
  const [auctions, persons] = [lastAuction(n), lastPerson(n)];
  const isHotAuction = random.below(HOT_ONE_IN.auction) > 0;
  const of = isHotAuction ? hot(auctions) : recent(random, auctions, IN_FLIGHT_AUCTIONS);
  const isHotBidder = random.below(HOT_ONE_IN.bidder) > 0;
  const bidder = isHotBidder ? hot(persons) + 1 : recent(random, persons, ACTIVE_PERSONS);
  const other = random.below(2) === 0 ? random.below(OTHER_CHANNELS) : null;
  const channel = other === null ? random.pick(CHANNELS) : `channel-${other}`;
  const url = `https://www.nexmark.com/${exactText(random, 3).replaceAll(' ', '_')}/item.htm?query=1`;
  return {
    auction: id(of),
    bidder: id(bidder),
    price: BigInt(price(random)),
    channel,
    url: other === null ? url : `${url}&channel_id=${other}`,
    date_time: BigInt(timeMs),
    extra: extraText(random, 8 * 4 + channel.length + url.length, MEAN_BYTES.bid),
  };
}
