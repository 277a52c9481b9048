import { Failure } from '../../infra/process/failure.ts';

type Resource = 'topic' | 'group' | 'cluster' | 'transactional-id';

/** What an authorizer of the brokers may withhold, in the words of `kafka-acls`. */
export interface Right {
  readonly operation:
    | 'AlterConfigs'
    | 'Create'
    | 'Delete'
    | 'Describe'
    | 'DescribeConfigs'
    | 'IdempotentWrite'
    | 'Read'
    | 'Write';
  readonly resource: Resource;
  readonly name: string;
}

/** The cluster has a name only in the broker's books. */
export const IDEMPOTENT_WRITE: Right = { operation: 'IdempotentWrite', resource: 'cluster', name: '' };

export const onTopic = (operation: Right['operation'], name: string): Right => ({
  operation,
  resource: 'topic',
  name,
});

/** Includes Describe, which the look-up of its coordinator asks for. */
export const onTransactionalId = (name: string): Right => ({
  operation: 'Write',
  resource: 'transactional-id',
  name,
});

/** What a member needs; includes Describe. */
export const onGroup = (name: string): Right => ({ operation: 'Read', resource: 'group', name });

/** A broker has refused what this client's principal may not do. Nothing but an ACL helps. */
export class AccessDenied extends Failure {
  readonly rights: readonly Right[];
  /** The message, about somebody of this name. */
  readonly messageFor: (who: string) => string;

  constructor(
    code: string,
    rights: readonly Right[],
    messageFor: (who: string) => string,
    principal: string | null = null,
  ) {
    const fix = fixOf(rights, principal);
    super(code, 'stop', messageFor(principal ?? "this client's principal"), { fix });
    this.rights = rights;
    this.messageFor = messageFor;
  }
}

/** Where an error leaves the port: says who was denied. Null: only the broker knows. */
export function withPrincipal(error: unknown, principal: string | null): unknown {
  if (!(error instanceof AccessDenied) || principal === null) return error;
  return new AccessDenied(error.code, error.rights, error.messageFor, principal);
}

export function describeRight({ operation, resource, name }: Right): string {
  const object = resource === 'transactional-id' ? 'transactional id' : resource;
  return `${operation} on ${name === '' ? `the ${object}` : `${object} ${name}`}`;
}

function fixOf(rights: readonly Right[], principal: string | null): string {
  const operations = rights.map(({ operation }) => `--operation ${operation}`);
  const resources = rights.map(
    ({ resource, name }) => `--${resource}${name === '' ? '' : ` ${inShell(name)}`}`,
  );
  // A broker answers in no order of its own.
  const what = [...new Set([...operations.toSorted(), ...resources.toSorted()])].join(' ');
  return principal === null
    ? `kafka-acls --add --allow-principal User:... ${what}; the broker's authorizer log names the principal`
    : `kafka-acls --add --allow-principal ${inShell(principal)} ${what}`;
}

export const inShell = (text: string): string =>
  /^[\w.:@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
