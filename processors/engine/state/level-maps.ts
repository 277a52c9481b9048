import { ClassicLevel } from 'classic-level';

/**
 * Tables to be made: LevelDB maps the first 1,000 tables that a process opens (`kDefaultMmapLimit`, the constant of its
 * util/env_posix.cc), and the first few made here are merged into one.
 */
const TABLES = 1_020;
/** Far more than tables: LevelDB spreads them over sixteen caches, and closes one where a cache is full. */
const OPEN_FILES_MAX = 4 * TABLES;
/** The least that LevelDB takes: next to nothing is written, and nothing is read twice. */
const BUFFER_BYTES = 64 * 1024;

/**
 * Holds all memory maps that LevelDB allows itself in a process, so that tables opened later are read with `pread`. LevelDB
 * has no option for that. A page fault in a map makes Linux read ahead as if the file were read in order (128 KiB; 8 MiB
 * where disks are set up so), for a row of a hundred bytes: state that is larger than memory then throws out of memory
 * what it needs next. `pread` reads the one block. The tables of this database are empty: 4 MiB on disk and in memory.
 */
export class LevelMaps implements AsyncDisposable {
  readonly #level: ClassicLevel<Buffer, Buffer>;
  readonly #building: Promise<void>;
  #closing = false;

  private constructor(level: ClassicLevel<Buffer, Buffer>, missing: readonly Buffer[]) {
    this.#level = level;
    this.#building = this.#build(missing);
  }

  /**
   * Takes the maps, in some 50 ms. In an empty directory the tables are made first, see {@link taken}: until then tables
   * may be mapped, and where LevelDB's only thread has other work it takes long. `onError` is told when it fails.
   */
  static async open(path: string, onError: (error: unknown) => void): Promise<LevelMaps> {
    const level = new ClassicLevel<Buffer, Buffer>(path, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      cacheSize: BUFFER_BYTES,
      writeBufferSize: BUFFER_BYTES,
      maxOpenFiles: OPEN_FILES_MAX,
    });
    await level.open();
    const keys = Array.from({ length: TABLES }, (_, i) => tableKey(i));
    // Asking for a key opens its table.
    const found = await level.hasMany(keys);
    const maps = new LevelMaps(
      level,
      keys.filter((_, i) => found[i] !== true),
    );
    maps.#building.catch(onError);
    return maps;
  }

  /** Resolves when the maps are taken. @throws what keeps the tables from being made */
  async taken(): Promise<void> {
    await this.#building;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    await this.#building.catch(() => undefined);
    await this.#level.close();
  }

  /** One key, one table: to compact its range is the way to have it written at once. */
  async #build(missing: readonly Buffer[]): Promise<void> {
    for (const key of missing) {
      if (this.#closing) return;
      await this.#level.put(key, Buffer.alloc(0));
      await this.#level.compactRange(key, key);
    }
    await this.#level.hasMany([...missing]);
  }
}

function tableKey(number: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32BE(number);
  return key;
}
