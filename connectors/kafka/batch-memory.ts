/**
 * Memory of batches, used again: a fresh buffer of this size costs the kernel a page fault for every 4 KiB, which
 * took a third of a busy producer's time. Shared by all producers of the process.
 */
const SMALLEST_BYTES = 16 * 1024;
const LARGEST_BYTES = 1024 * 1024;
/** Bytes kept for later use at most. */
const IDLE_BYTES_MAX = 32 * 1024 * 1024;

const idle = new Map<number, Buffer[]>();
let idleBytes = 0;

/** A buffer of at least this many bytes, with whatever it held before. */
export function takeMemory(bytes: number): Buffer {
  if (bytes > LARGEST_BYTES) return Buffer.allocUnsafeSlow(bytes);
  let size = SMALLEST_BYTES;
  while (size < bytes) size *= 2;
  const found = idle.get(size)?.pop();
  if (found === undefined) return Buffer.allocUnsafeSlow(size);
  idleBytes -= size;
  return found;
}

/** Takes a buffer back. Nobody may hold a view of it any more. */
export function giveMemory(buffer: Buffer): void {
  const size = buffer.length;
  if (size > LARGEST_BYTES || idleBytes + size > IDLE_BYTES_MAX) return;
  const kept = idle.get(size);
  if (kept === undefined) idle.set(size, [buffer]);
  else kept.push(buffer);
  idleBytes += size;
}
