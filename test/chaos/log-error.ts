import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Why a role ended, by its log, and whether another process has taken over from it. */
export function lastError(logFile: string): { readonly reason: string; readonly isFenced: boolean } {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n');
  for (const line of lines.toReversed()) {
    try {
      const { level, code, msg, err } = logLine.parse(JSON.parse(line));
      if (level === 'error')
        return { reason: `${code ?? ''} ${msg.split('\n')[0]}`, isFenced: err?.order === 'fenced' };
    } catch {
      return { reason: line, isFenced: false };
    }
  }
  return { reason: 'its log has no error', isFenced: false };
}

const logLine = z.object({
  level: z.string(),
  msg: z.string(),
  code: z.string().optional(),
  err: z.object({ order: z.string().optional() }).optional(),
});
