import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { ForeignRecord } from './foreign-record.ts';

/** kcat, the command line of librdkafka, where it is installed. */
export function hasKcat(): boolean {
  try {
    execFileSync('kcat', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A partition that does not answer for so long has no answer. Milliseconds. */
const KCAT_MAX_MS = 300_000;

/**
 * All that a read-committed reader sees of a topic from its beginning to its stable end. Keys and values must be text
 * without line ends.
 */
export async function kcatConsume(brokers: string, topic: string): Promise<ForeignRecord[]> {
  // Lengths, since a field may hold any character; -1 is null.
  const format = '%p %o %T %K %S %k%s %h\\n';
  const output = await kcat(brokers, [
    '-C',
    '-t',
    topic,
    '-o',
    'beginning',
    '-e',
    '-q',
    '-f',
    format,
    '-X',
    'isolation.level=read_committed',
    '-X',
    'check.crcs=true',
  ]);
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}

function parseLine(line: string): ForeignRecord {
  const [, partition, offset, timestamp, keyLength, valueLength, rest = ''] =
    /^(\d+) (\d+) (-?\d+) (-?\d+) (-?\d+) (.*)$/.exec(line) ?? [];
  if (offset === undefined) throw new Error(`not a line of kcat: ${line}`);
  const bytes = Buffer.from(rest);
  const keyEnd = Math.max(0, Number(keyLength));
  const valueEnd = keyEnd + Math.max(0, Number(valueLength));
  return {
    partition: Number(partition),
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: Number(keyLength) < 0 ? null : bytes.toString('utf8', 0, keyEnd),
    value: Number(valueLength) < 0 ? null : bytes.toString('utf8', keyEnd, valueEnd),
    headers: bytes.toString('utf8', valueEnd + 1),
  };
}

/** Runs kcat to its end. @returns its standard output @throws Error with its error output */
async function kcat(brokers: string, args: readonly string[]): Promise<string> {
  const child = spawn('kcat', ['-b', brokers, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: KCAT_MAX_MS,
    killSignal: 'SIGKILL',
  });
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  if (code !== 0) throw new Error(`kcat ended with ${String(code)}: ${errors}`);
  return output;
}
