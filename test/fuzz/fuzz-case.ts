import { memoryUsage, threadCpuUsage } from 'node:process';
import { Failure } from '../../infra/process/failure.ts';
import { seededRandom } from '../chaos/seeded-random.ts';
import { mutated } from './mutation.ts';
import type { FuzzSubject } from './subject.ts';

/** Of an input of some kilobytes: what is taken beyond this was believed of a length field. */
const GROWTH_BYTES_MAX = 64 * 1024 * 1024;
/** CPU of one case, milliseconds: wall time would count what other processes do. */
const CPU_MS_MAX = 2_000;
const MICROS_PER_MILLI = 1_000;

/** The input of case `index`: it depends on nothing but seed, subject and number. */
export function inputOf(subject: FuzzSubject, seed: number, index: number): Buffer {
  const random = seededRandom(hashOf(`${seed} ${subject.name} ${index}`));
  const bytes = mutated(subject.samples, random);
  // Unmended now and then, so that the check itself is tried too.
  return subject.mend !== undefined && random() < 0.8 ? subject.mend(bytes) : bytes;
}

/** What is wrong with how the subject takes these bytes, or null. */
export async function defectOf(subject: FuzzSubject, bytes: Buffer): Promise<string | null> {
  const before = heldBytes();
  const { user, system } = threadCpuUsage();
  try {
    await subject.run(bytes);
  } catch (error) {
    if (!(error instanceof Failure)) return thrown(error);
    if (error.message === '' || error.code === '') return 'a Failure without code or message';
  }
  const spent = threadCpuUsage();
  const cpuMs = (spent.user + spent.system - user - system) / MICROS_PER_MILLI;
  if (cpuMs > CPU_MS_MAX) return `took ${Math.round(cpuMs)} ms of CPU`;
  const grown = heldBytes() - before;
  return grown > GROWTH_BYTES_MAX ? `took ${Math.round(grown / 2 ** 20)} MiB of memory` : null;
}

/** External memory counts Buffers, and is not freed before the garbage is collected: what a case took is still there. */
function heldBytes(): number {
  const { heapUsed, external } = memoryUsage();
  return heapUsed + external;
}

function thrown(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const frames = error.stack?.split('\n').filter((line) => line.startsWith('    at ')) ?? [];
  return `threw ${error.name}: ${error.message}\n${frames.slice(0, 4).join('\n')}`;
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of Buffer.from(text)) hash = Math.imul(hash ^ character, 0x01000193);
  return hash >>> 0;
}
