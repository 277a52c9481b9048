import { readFile, stat, writeFile } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClassicLevel } from 'classic-level';
import { Failure } from '../../../infra/process/failure.ts';

/** LevelDB's cache of blocks, bytes, of one task. */
const BLOCK_CACHE_BYTES = 8 * 1024 * 1024;
/** What LevelDB collects in memory before it writes a table, bytes; at most twice this is held. */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;
/** Size of a table, bytes: at LevelDB's own 2 MiB ten million keys are a thousand files, all of them open. */
const TABLE_BYTES = 16 * 1024 * 1024;
/** Bytes in front of a stored value: the CRC-32 of its key and itself. */
const CHECKSUM_BYTES = 4;
/** Keys that a scan takes from LevelDB in one step. */
const SCAN_KEYS = 2_000;
/** Threads that read many keys: as many as libuv has by default. */
const READERS = 4;
/** Beside LevelDB's own files: what was found to be wrong with them. */
const DAMAGE_FILE = 'DAMAGED';

/** Written when the database is closed, for its time. */
const CLOSED_FILE = 'CLOSED';

/** Writes that reach the disk together or not at all. */
export interface LevelBatch {
  put(key: Buffer, value: Buffer): void;
  delete(key: Buffer): void;
}

/** @throws Failure `engine.state_locked` (retry): another process, or an earlier use in this one, has it open */
export async function openLevel(path: string): Promise<LevelDatabase> {
  const level = new ClassicLevel<Buffer, Buffer>(path, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    cacheSize: BLOCK_CACHE_BYTES,
    writeBufferSize: WRITE_BUFFER_BYTES,
    maxFileSize: TABLE_BYTES,
    // Rows are small Avro bodies: what Snappy saves costs more in each read than the disk space is worth.
    compression: false,
  });
  try {
    await level.open();
  } catch (error) {
    if (causedBy(error, 'LEVEL_LOCKED'))
      throw new Failure('engine.state_locked', 'retry', `the state in ${path} is open already`, {
        cause: error,
        fix: 'two processes must not share an --instance and a --state-dir',
      });
    throw error;
  }
  return new LevelDatabase(level, path);
}

/**
 * What is known to be wrong with the database that was just opened, or null. LevelDB leaves out what it cannot read of its
 * log and goes on, and says so nowhere but in its own log file.
 */
export async function damageOf(path: string): Promise<string | null> {
  const known = await textOf(join(path, DAMAGE_FILE));
  if (known !== null) return known;
  const dropped = (await textOf(join(path, 'LOG')))
    ?.split('\n')
    .find((line) => /dropping|corrupt/i.test(line));
  return dropped ?? null;
}

/** When a database that is not open was in use last, milliseconds. */
export async function lastUse(path: string): Promise<number> {
  const { mtimeMs } = await stat(path);
  const closed = await stat(join(path, CLOSED_FILE)).catch(() => null);
  return Math.max(mtimeMs, closed?.mtimeMs ?? mtimeMs);
}

/** Opened LevelDB. Reads are synchronous, checked against their checksums, which LevelDB itself does only for whole files. */
export class LevelDatabase {
  readonly path: string;
  readonly #level: ClassicLevel<Buffer, Buffer>;

  constructor(level: ClassicLevel<Buffer, Buffer>, path: string) {
    this.#level = level;
    this.path = path;
  }

  /** @throws Failure `engine.state_damaged` (restart); the next opening finds the database unusable */
  get(key: Buffer): Buffer | null {
    let bytes: Buffer | undefined;
    try {
      bytes = this.#level.getSync(key);
    } catch (error) {
      throw this.#damaged(`a key cannot be read`, error);
    }
    return this.#checked(key, bytes);
  }

  /** As {@link get}, of many keys, while the main thread goes on. @throws Failure as {@link get} */
  async getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | null)[]> {
    const size = Math.ceil(keys.length / READERS);
    const reads: Promise<(Buffer | undefined)[]>[] = [];
    for (let first = 0; first < keys.length; first += size)
      reads.push(this.#level.getMany(keys.slice(first, first + size)));
    let values: (Buffer | undefined)[];
    try {
      values = (await Promise.all(reads)).flat();
    } catch (error) {
      throw this.#damaged(`a key cannot be read`, error);
    }
    return keys.map((key, i) => this.#checked(key, values[i]));
  }

  /** Writes what `fill` puts into the batch. `durable` waits until it would outlast a loss of power. */
  async write(fill: (batch: LevelBatch) => void, durable: boolean): Promise<void> {
    const batch = this.#level.batch();
    fill({
      put(key, value) {
        const bytes = Buffer.allocUnsafe(CHECKSUM_BYTES + value.length);
        bytes.writeUInt32LE(checksum(key, value), 0);
        bytes.set(value, CHECKSUM_BYTES);
        batch.put(key, bytes);
      },
      delete: (key) => void batch.del(key),
    });
    try {
      await batch.write({ sync: durable });
    } catch (error) {
      throw new Failure(
        'engine.state_write_failed',
        'restart',
        `the state in ${this.path} cannot be written`,
        {
          cause: error,
          fix: 'see to room and rights there, or name another directory: --state-dir',
        },
      );
    }
  }

  /** All keys from one on, before another one, in order of their bytes. */
  async *keys(from: Buffer, before: Buffer): AsyncIterable<Buffer> {
    const iterator = this.#level.keys({ gte: from, lt: before, fillCache: false });
    try {
      for (;;) {
        const keys = await iterator.nextv(SCAN_KEYS);
        if (keys.length === 0) return;
        yield* keys;
      }
    } finally {
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    await this.#level.close();
    await writeFile(join(this.path, CLOSED_FILE), '');
  }

  #checked(key: Buffer, bytes: Buffer | undefined): Buffer | null {
    if (bytes === undefined) return null;
    const value = bytes.subarray(CHECKSUM_BYTES);
    if (bytes.length < CHECKSUM_BYTES || bytes.readUInt32LE(0) !== checksum(key, value))
      throw this.#damaged('a value does not fit its checksum');
    return value;
  }

  #damaged(what: string, cause?: unknown): Failure {
    try {
      writeFileSync(join(this.path, DAMAGE_FILE), what);
    } catch {
      // A directory that takes no file is found out when it is opened.
    }
    return new Failure('engine.state_damaged', 'restart', `the state in ${this.path}: ${what}`, { cause });
  }
}

const checksum = (key: Buffer, value: Buffer): number => crc32(value, crc32(key));

async function textOf(path: string): Promise<string | null> {
  return await readFile(path, 'utf8').catch(() => null);
}

function causedBy(error: unknown, code: string): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if ('code' in at && at.code === code) return true;
  return false;
}
