import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import type * as Kafkajs from 'kafkajs';
import { brokers } from '../kafka-client.ts';

const require = createRequire(import.meta.url);
const ROOT = dirname(require.resolve('kafkajs/package.json'));

/** kafkajs as it is published, in module instances of its own: the port patches prototypes of those it loads. */
interface StockKafkajs {
  readonly library: typeof Kafkajs;
  /** What each file of kafkajs that is loaded exports, by its absolute path. */
  readonly modules: ReadonlyMap<string, unknown>;
}

let loaded: StockKafkajs | undefined;

export function stockKafkajs(): StockKafkajs {
  loaded ??= load();
  return loaded;
}

/** A module of the stock instance, as in `cluster` or `producer/eosManager`. Its shape is the caller's to know. */
export function stockModule(path: string): unknown {
  for (const name of [`${path}.js`, join(path, 'index.js')]) {
    const found = stockKafkajs().modules.get(join(ROOT, 'src', name));
    if (found !== undefined) return found;
  }
  throw new Error(`kafkajs has no module ${path}`);
}

/** NODE_ENV=test gives kafkajs other retries than its users have. */
function load(): StockKafkajs {
  const kept = takeFromCache();
  const environment = process.env['NODE_ENV'];
  delete process.env['NODE_ENV'];
  try {
    const library = require('kafkajs') as typeof Kafkajs;
    const modules = new Map([...takeFromCache()].map(([file, module]) => [file, module.exports as unknown]));
    return { library, modules };
  } finally {
    if (environment !== undefined) process.env['NODE_ENV'] = environment;
    for (const [file, module] of kept) require.cache[file] = module;
  }
}

function takeFromCache(): Map<string, NodeJS.Module> {
  const taken = new Map<string, NodeJS.Module>();
  for (const [file, module] of Object.entries(require.cache)) {
    if (module === undefined || !file.startsWith(ROOT + sep)) continue;
    taken.set(file, module);
    delete require.cache[file];
  }
  return taken;
}

/** A stock client that logs nothing; of the test stack's broker unless told otherwise. */
export function stockClient(config: Partial<Kafkajs.KafkaConfig> = {}): Kafkajs.Kafka {
  const { library } = stockKafkajs();
  return new library.Kafka({
    brokers: [...brokers()],
    clientId: 'stock-kafkajs',
    logLevel: library.logLevel.NOTHING,
    ...config,
  });
}

/** A connected stock producer; disconnects when disposed. */
export async function stockProducer(
  config: Kafkajs.ProducerConfig,
  client: Kafkajs.Kafka = stockClient(),
): Promise<Kafkajs.Producer & AsyncDisposable> {
  const { DefaultPartitioner } = stockKafkajs().library.Partitioners;
  const producer = client.producer({ createPartitioner: DefaultPartitioner, ...config });
  await producer.connect();
  return Object.assign(producer, { [Symbol.asyncDispose]: () => producer.disconnect() });
}

/** A connected stock admin client; disconnects when disposed. */
export async function stockAdmin(
  client: Kafkajs.Kafka = stockClient(),
): Promise<Kafkajs.Admin & AsyncDisposable> {
  const admin = client.admin();
  await admin.connect();
  return Object.assign(admin, { [Symbol.asyncDispose]: () => admin.disconnect() });
}
