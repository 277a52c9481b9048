import { describe } from '../../process/failure.ts';
import { parseOptions } from '../../process/options.ts';
import { thisMachine } from '../machine.ts';
import { runDemo } from './demo.ts';
import { DEMO_OPTIONS } from './options.ts';

/** 128 + SIGINT, as shells have it. */
const EXIT_INTERRUPTED = 130;

const stop = new AbortController();
process.on('SIGINT', () => stop.abort());
process.on('SIGTERM', () => stop.abort());
try {
  const parsed = parseOptions('npm start --', DEMO_OPTIONS, process.argv.slice(2), process.env);
  if (parsed.kind === 'help') process.stdout.write(parsed.text);
  else {
    const mismatches = await runDemo(parsed.options, thisMachine(), stop.signal);
    process.exitCode = mismatches === 0 ? 0 : 1;
    process.stdout.write(`stopped after ${process.uptime().toFixed(1)} s; nothing is left running\n`);
  }
} catch (error) {
  process.exitCode = stop.signal.aborted ? EXIT_INTERRUPTED : 1;
  process.stderr.write(
    stop.signal.aborted ? 'interrupted; everything is stopped\n' : `error: ${describe(error)}\n`,
  );
}
