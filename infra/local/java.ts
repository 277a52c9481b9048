import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Machine } from './machine.ts';
import type { ServerCommand } from './server-process.ts';

const run = promisify(execFile);

/** Kafka 4 brokers need it. */
const JAVA_OLDEST = 17;

const INSTALL = 'install it: apt-get install openjdk-17-jre-headless, or brew install openjdk@17';

/** A Java that will do, and the servers' jars. */
export interface JavaRuntime {
  /** The program. */
  readonly command: string;
  /** Differs between any two virtual machines. */
  readonly id: string;
  /** Holds `kafka` and `registry`. */
  readonly serversFolder: string;
}

export type FoundJava = Omit<JavaRuntime, 'serversFolder'> | { readonly problem: string };

/** JAVA_HOME's Java, else the PATH's; or why neither will do. */
export async function findJava(machine: Machine): Promise<FoundJava> {
  const home = machine.env['JAVA_HOME'];
  const command = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  let version: string;
  try {
    version = (await run(command, ['-version'], { env: machine.env })).stderr;
  } catch {
    return { problem: `no Java found (${command} does not run); ${INSTALL}` };
  }
  const major = javaMajor(version);
  if (major < JAVA_OLDEST)
    return { problem: `${command} is Java ${major}, and Kafka needs ${JAVA_OLDEST} or newer; ${INSTALL}` };
  return { command, id: createHash('sha256').update(version).digest('hex').slice(0, 12) };
}

/** 8 for "1.8.0_392", 17 for "17.0.15"; 0 when there is no version in the text. */
export function javaMajor(text: string): number {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  return Number((first === '1' ? second : first) ?? 0);
}

/** `read`: load classes from the archive when there is one; `write`: make it at the end of the process. */
export type ClassArchive = { readonly mode: 'read' | 'write'; readonly file: string };

export interface JavaProgram {
  readonly name: string;
  /** After the options of the virtual machine: class path, main class, arguments. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly archive?: ClassArchive | undefined;
}

/** Tuned for a quick start and a small machine: one compiler tier, one collector thread. */
const QUICK = [
  '-Xmx512m',
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-Xlog:cds=off',
  '-Xlog:cds+dynamic=off',
];

/** The command of a program on the virtual machine. It keeps nothing worth saving, so it is stopped by SIGKILL. */
export function javaCommand(machine: Machine, runtime: JavaRuntime, program: JavaProgram): ServerCommand {
  const { archive } = program;
  const archiveOption = { read: '-XX:SharedArchiveFile', write: '-XX:ArchiveClassesAtExit' };
  const classes = archive === undefined ? [] : [`${archiveOption[archive.mode]}=${archive.file}`];
  // An archive is for the next start and must not slow this one's work.
  const nice = archive?.mode === 'write' ? ['nice', '-n', '19'] : [];
  const [command = '', ...args] = [...nice, runtime.command, ...QUICK, ...classes, ...program.args];
  return {
    name: program.name,
    command,
    args,
    env: {
      PATH: machine.env['PATH'],
      JAVA_HOME: machine.env['JAVA_HOME'],
      LC_ALL: 'C',
      TZ: 'UTC',
      ...program.env,
    },
    stopSignals: ['SIGKILL'],
  };
}
