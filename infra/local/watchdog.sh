#!/bin/sh
# Stops what a run of the local stack left behind when its parent is gone, however it went.
# stdin is a pipe that only the parent holds, so its end is the parent's end; $1 is the run's folder.
# pids/* hold "SIGNAL PID" of every server: the signal that stops it at once and cleanly.

is_alive() {
  kill -0 "$1" 2>/dev/null || return 1
  case "$(ps -o stat= -p "$1" 2>/dev/null)" in Z*) return 1 ;; esac
}

# In a function, which the shell reads to its end before it runs it: the file may change meanwhile.
watch() {
  run=$1
  cat >/dev/null

  # A server writes its own file before it becomes the server: after this move no further one can start.
  mv "$run/pids" "$run/taken" 2>/dev/null

  polite_rounds=30
  rounds_max=50
  round=0
  while [ "$round" -lt "$rounds_max" ]; do
    left=0
    for file in "$run"/taken/*; do
      [ -s "$file" ] && read -r signal pid <"$file" || continue
      is_alive "$pid" || continue
      left=1
      [ "$round" -lt "$polite_rounds" ] || signal=KILL
      kill -s "$signal" "$pid" 2>/dev/null
    done
    # The first round may have met a file that was not written yet.
    [ "$left" -eq 0 ] && [ "$round" -gt 0 ] && break
    round=$((round + 1))
    sleep 0.1
  done

  # Postgres' backends notice the end of their parent a moment later and may still write.
  tries=0
  while [ -e "$run" ] && [ "$tries" -lt "$rounds_max" ]; do
    rm -rf "$run" 2>/dev/null || sleep 0.1
    tries=$((tries + 1))
  done
}

watch "$1"
