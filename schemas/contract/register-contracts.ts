import type { RegistrySubjects } from '../serde/registry-subjects.ts';
import type { SchemaRegistry } from '../serde/schema-registry.ts';
import type { CompatibilityLevel } from './compatibility-level.ts';
import type { CheckedContract } from './contract-check.ts';

/**
 * Registers the contracts of our own, and has the registry hold each subject to `level`. To be called with contracts that
 * were found compatible. Says what it did, subject by subject, as it goes.
 * @throws Failure `registry.incompatible` where the registry is stricter, `registry.unreachable`: then to be run again
 */
export async function registerContracts(
  checked: readonly CheckedContract[],
  level: CompatibilityLevel,
  registry: SchemaRegistry,
  subjects: RegistrySubjects,
  tell: (line: string) => void,
): Promise<void> {
  for (const { contract, status } of checked) {
    const { subject, schema, writer } = contract;
    if (writer === 'source') continue;
    const isThere = status !== 'new';
    // A registry may know no level of a subject that does not exist, and the first version has nothing to break.
    const before = isThere ? await subjects.level(subject) : null;
    if (isThere && before !== level) await subjects.setLevel(subject, level);
    const previous = isThere ? await registry.latest(subject) : null;
    const id = await registry.register(subject, schema);
    if (!isThere) await subjects.setLevel(subject, level);
    const done = previous?.id === id ? 'as it is' : 'registered';
    const was = isThere && before !== level ? `, was ${before ?? 'without a level'}` : '';
    tell(`${subject}: schema ${id} ${done}, ${level}${was}`);
  }
}
