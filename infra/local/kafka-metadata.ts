import { connect } from 'node:net';

const METADATA_KEY = 3;
/** The first version that tells the cluster id. https://kafka.apache.org/protocol#The_Messages_Metadata */
const METADATA_VERSION = 2;
const ANSWER_MAX_MS = 2_000;

interface KafkaMetadata {
  readonly clusterId: string;
  readonly brokers: readonly { readonly host: string; readonly port: number }[];
}

/**
 * Asks a broker for the cluster it belongs to and the brokers it knows.
 * @throws Error when the broker does not answer within 2 s
 */
export async function askKafka(host: string, port: number): Promise<KafkaMetadata> {
  const socket = connect({ host, port });
  try {
    socket.setTimeout(ANSWER_MAX_MS, () =>
      socket.destroy(new Error(`no answer from ${host}:${port} in 2 s`)),
    );
    socket.write(metadataRequest());
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0))
        return parseMetadata(received);
    }
    throw new Error(`${host}:${port} closed the connection without an answer`);
  } finally {
    socket.destroy();
  }
}

function metadataRequest(): Buffer {
  const request = Buffer.alloc(18);
  request.writeInt32BE(14, 0);
  request.writeInt16BE(METADATA_KEY, 4);
  request.writeInt16BE(METADATA_VERSION, 6);
  request.writeInt32BE(1, 8); // correlation id
  request.writeInt16BE(-1, 12); // no client id
  request.writeInt32BE(0, 14); // no topics
  return request;
}

function parseMetadata(answer: Buffer): KafkaMetadata {
  let at = 8; // size, correlation id
  const int32 = (): number => answer.readInt32BE((at += 4) - 4);
  const string = (): string => {
    const length = Math.max(0, answer.readInt16BE(at));
    at += 2 + length;
    return answer.toString('utf8', at - length, at);
  };
  const brokers = Array.from({ length: int32() }, () => {
    int32(); // node id
    const broker = { host: string(), port: int32() };
    string(); // rack
    return broker;
  });
  return { clusterId: string(), brokers };
}
