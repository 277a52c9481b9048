import type {
  Assignment,
  GroupMember,
  GroupMetadata,
  GroupOptions,
  Kafka,
} from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { connect } from './kafka-client.ts';

/** So often do heartbeats of these members go out, milliseconds, whatever their session timeout. */
const HEARTBEAT_MS = 50;
const CHECKPOINT_MS = 10;

/** A member of a group whose loop does nothing but go on. */
export interface DrivenMember {
  readonly kafka: Kafka;
  /** What its listener was told, in order. */
  readonly events: readonly string[];
  readonly assignment: Assignment;
  readonly metadata: GroupMetadata;
  /** Rejects with what ended its loop; resolves when it was stopped. */
  readonly ended: Promise<void>;
  /** As if its process was killed: no heartbeat, no goodbye, and nothing goes on. */
  vanish(): Promise<void>;
  /** Ends the loop and disposes the member. */
  stop(): Promise<void>;
}

export type DrivenOptions = Omit<GroupOptions, 'listener' | 'signal'> & {
  /** Awaited by the listener each time it gets partitions. */
  readonly busy?: () => Promise<void>;
  readonly clock?: Partial<Clock>;
};

export async function startMember(options: DrivenOptions): Promise<DrivenMember> {
  const { busy, clock: ownClock, ...group } = options;
  const alive = { heart: true, loop: true };
  const clock: Clock = {
    ...systemClock,
    every: (_ms, tick) => systemClock.every(HEARTBEAT_MS, () => (alive.heart ? tick() : undefined)),
    ...ownClock,
  };
  const kafka = await connect(clock);
  const events: string[] = [];
  let assignment: Assignment = new Map();
  const member: GroupMember = await kafka.joinGroup({
    ...group,
    listener: {
      async onAssigned(assigned) {
        assignment = assigned;
        events.push(`assigned ${text(assigned)}`);
        await busy?.();
      },
      async onRevoked() {
        events.push('revoked');
      },
      async onLost() {
        events.push('lost');
      },
    },
  });
  const ended = (async () => {
    for (; alive.loop; await systemClock.sleep(CHECKPOINT_MS)) await member.checkpoint();
  })();
  ended.catch(() => undefined);
  return {
    kafka,
    events,
    ended,
    get assignment() {
      return assignment;
    },
    get metadata() {
      return member.metadata;
    },
    async vanish() {
      alive.heart = false;
      alive.loop = false;
      await ended;
    },
    async stop() {
      alive.loop = false;
      await ended.catch(() => undefined);
      await member[Symbol.asyncDispose]();
      await kafka[Symbol.asyncDispose]();
    },
  };
}

const text = (assignment: Assignment): string =>
  [...assignment].map(([topic, partitions]) => `${topic}:${partitions.join(',')}`).join(' ');
