import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import { startStack } from '../../../infra/local/start-stack.ts';
import type { Stack, StackRequest } from '../../../infra/local/stack.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { EXIT } from '../../../infra/process/lifecycle.ts';
import { silentLog } from '../../../infra/process/log.ts';

/** Where a bench runs: the servers, and all that is to be undone at its end. */
export interface BenchPlace extends AsyncDisposable {
  readonly stack: Stack;
  readonly kafka: Kafka;
  /** Undone in reverse order, when the bench ends, fails or is interrupted. */
  readonly cleanup: AsyncDisposableStack;
  readonly say: (line: string) => void;
}

/** Starts or joins the stack. SIGINT and SIGTERM undo everything, then end this process. */
export async function openPlace(request: StackRequest): Promise<BenchPlace> {
  const cleanup = new AsyncDisposableStack();
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    request.onProgress(`${signal}: cleaning up`);
    const leave = (): never => process.exit(signal === 'SIGINT' ? EXIT.sigint : EXIT.sigterm);
    cleanup.disposeAsync().then(leave, leave);
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  cleanup.defer(() => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  });
  const stack = cleanup.use(await startStack(request));
  const brokers = stack.kafkaBrokers.split(',');
  const kafka = cleanup.use(
    await connectKafka({ brokers, clientId: 'bench-source', log: silentLog, clock: systemClock }),
  );
  return {
    stack,
    kafka,
    cleanup,
    say: request.onProgress,
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}
