import { setFlagsFromString } from 'node:v8';

/** Part of the live heap by which it may grow before it is collected again, percent. V8 would take up to 300. */
const GROWTH_PERCENT = 100;

/**
 * Has V8 collect its old generation when it has doubled. Left alone it lets four times what is live gather where the machine
 * has the memory, which a process that makes much garbage of middling age, as between two commits, soon fills.
 * https://nodejs.org/api/v8.html#v8setflagsfromstringflags
 */
export function keepOldHeapClose(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}

/**
 * Keeps V8's young generation as small as it is at the start of a process. Left alone it grows up to 128 MiB with the
 * garbage of one busy moment, and is not given back; a loop over bytes, which hardly makes objects, has no use for it.
 * Its size at the start cannot be given here: the flag for that is read before any of our code.
 * https://nodejs.org/api/v8.html#v8setflagsfromstringflags
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
