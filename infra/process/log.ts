import { pino } from 'pino';
import { Failure, loggedMessage } from './failure.ts';

/** Structured log, JSON lines on stderr. Never a row value: ids, LSNs, offsets, counts and reasons only. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** `component` is the role that speaks: source, processor, sink. */
export function createLog(level: LogLevel, component: string): Log {
  return pino(
    {
      level,
      base: { service: 'millrace', component, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'msg',
      serializers: { err: loggedError },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** What a log keeps of an error: never the fields in which drivers put values of the row at fault. */
export function loggedError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const frames = error.stack?.split('\n').filter((line) => line.startsWith('    at ')) ?? [];
  return {
    type: error.name,
    message: loggedMessage(error),
    code,
    ...(error instanceof Failure ? { order: error.order, fix: error.fix } : {}),
    stack: frames.join('\n'),
    ...(error.cause === undefined ? {} : { cause: loggedError(error.cause) }),
  };
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
