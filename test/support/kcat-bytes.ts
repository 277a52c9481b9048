import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** A record as a tool that is not ours gave it, whatever bytes are in it. */
export interface ForeignBytes {
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** `a=1,b=2`; empty where there are none. */
  readonly headers: string;
}

/** A topic that is not read to its end by then is not read. Milliseconds. */
const KCAT_MAX_MS = 600_000;
const LINE_END = 0x0a;

/**
 * All that a read-committed kcat sees of a topic from its beginning to its stable end, partition by partition in the
 * order of the offsets. Headers must have no line ends.
 * @throws Error with kcat's own words
 */
export async function* kcatBytes(brokers: string, topic: string): AsyncGenerator<ForeignBytes> {
  const args = ['-C', '-b', brokers, '-t', topic, '-o', 'beginning', '-e', '-q'];
  // Lengths, since a field may hold any byte; -1 is null.
  const format = '%p %o %K %S %k%s%h\\n';
  const settings = ['-X', 'isolation.level=read_committed', '-X', 'check.crcs=true'];
  const child = spawn('kcat', [...args, '-f', format, ...settings], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: KCAT_MAX_MS,
    killSignal: 'SIGKILL',
  });
  const errors = text(child.stderr);
  const closed = once(child, 'close');
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of child.stdout) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    let at = 0;
    for (let found = readRecord(bytes, at); found !== null; found = readRecord(bytes, at)) {
      at = found.end;
      yield found.record;
    }
    rest = bytes.subarray(at);
  }
  const [code] = await closed;
  if (code !== 0 || rest.length > 0)
    throw new Error(`kcat ended with ${String(code)}, ${rest.length} bytes left: ${await errors}`);
}

/** The record that begins at `start`, null when the rest of it has not come yet. */
export function readRecord(
  bytes: Buffer,
  start: number,
): { readonly record: ForeignBytes; readonly end: number } | null {
  const numbers: number[] = [];
  let at = start;
  while (numbers.length < 4) {
    const end = bytes.indexOf(' ', at);
    if (end < 0) return null;
    numbers.push(Number(bytes.toString('latin1', at, end)));
    at = end + 1;
  }
  const [partition = 0, offset = 0, keyLength = -1, valueLength = -1] = numbers;
  const keyEnd = at + Math.max(0, keyLength);
  const valueEnd = keyEnd + Math.max(0, valueLength);
  const end = bytes.indexOf(LINE_END, valueEnd);
  if (valueEnd > bytes.length || end < 0) return null;
  const key = keyLength < 0 ? null : bytes.subarray(at, keyEnd);
  const value = valueLength < 0 ? null : bytes.subarray(keyEnd, valueEnd);
  const headers = bytes.toString('utf8', valueEnd, end);
  return { record: { partition, offset, key, value, headers }, end: end + 1 };
}
