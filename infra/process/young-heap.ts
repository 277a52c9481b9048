import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8's young generation as small as it is at the start of a process. Left alone it grows up to 128 MiB with the
 * garbage of one busy moment, and is not given back; a loop over bytes, which hardly makes objects, has no use for it.
 * Its size at the start cannot be given here: the flag for that is read before any of our code.
 * https://nodejs.org/api/v8.html#v8setflagsfromstringflags
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
