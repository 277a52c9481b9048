/**
 * Takes the lock `file`, which holds its owner's process id; a lock whose owner is gone is taken over.
 * @param onWait called once when another process holds the lock
 * @returns releases the lock
 * @throws Error when the lock is held for more than 15 minutes
 */
export declare function takePidLock(file: string, onWait: (owner: number) => void): Promise<() => void>;
