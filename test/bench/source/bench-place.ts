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
  /** Aborts when the bench is interrupted; its end is then near. */
  readonly signal: AbortSignal;
}

/** Starts or joins the stack. SIGINT and SIGTERM undo everything, then end this process. */
export async function openPlace(request: StackRequest): Promise<BenchPlace> {
  const cleanup = new AsyncDisposableStack();
  const interrupt = new AbortController();
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    request.onProgress(`${signal}: cleaning up`);
    interrupt.abort();
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
    signal: interrupt.signal,
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}

/** Runs the bench. What is interrupted fails in many ways: none of them is told, the clean-up ends the process. */
export async function untilInterrupted<T>({ signal }: BenchPlace, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } finally {
    if (signal.aborted) await new Promise(() => undefined);
  }
}
