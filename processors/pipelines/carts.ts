import { z } from 'zod';
import { type Cart, cartSchema } from '../../schemas/superstore/generated.ts';
import { topics } from '../../schemas/topics.ts';
import { topology } from '../engine/topology.ts';

const product = z.string().min(1);
const cartEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('CartOpened'), customerId: z.string() }),
  z.object({ type: z.literal('ItemAdded'), product, quantity: z.int32().positive() }),
  z.object({ type: z.literal('ItemRemoved'), product }),
  z.object({ type: z.literal('CheckedOut') }),
  z.object({ type: z.literal('CartDiscarded') }),
]);

/** An event of the shop's outbox, as the service that owns the carts writes it. */
export type CartEvent = z.output<typeof cartEvent>;

const noCart: Cart = { customer_id: null, status: 'open', quantities: {}, events: 0, unread: 0 };

/** A cart after one more event; null when it is gone. */
function applied(cart: Cart, event: CartEvent): Cart | null {
  switch (event.type) {
    case 'CartOpened':
      return { ...cart, customer_id: event.customerId };
    case 'ItemAdded': {
      const quantity = (cart.quantities[event.product] ?? 0) + event.quantity;
      return { ...cart, quantities: { ...cart.quantities, [event.product]: quantity } };
    }
    case 'ItemRemoved': {
      const { [event.product]: _, ...quantities } = cart.quantities;
      return { ...cart, quantities };
    }
    case 'CheckedOut':
      return { ...cart, status: 'checked_out' };
    case 'CartDiscarded':
      return null;
    default:
      return event satisfies never;
  }
}

/** Null: not an event that this version knows. One that stopped the pipeline would stop all carts. */
function parsed(payload: string): CartEvent | null {
  try {
    return cartEvent.safeParse(JSON.parse(payload)).data ?? null;
  } catch {
    return null;
  }
}

/**
 * The present state of each cart, from its events alone: the store is the snapshot, and an event costs one look at it. A
 * replay from zero gives the same table, since an event is all that decides what comes after a state.
 */
export const carts = topology('carts', (builder) => {
  builder
    .stream(topics.cartEvents)
    .aggregate('cart', cartSchema, {
      initial: () => noCart,
      add(before, payload) {
        const cart = { ...before, events: before.events + 1 };
        const event = parsed(payload);
        return event === null ? { ...cart, unread: cart.unread + 1 } : applied(cart, event);
      },
    })
    .to(topics.carts);
});
