/** Lets sockets and timers have their turn: a loop over what has arrived already would keep them waiting. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
