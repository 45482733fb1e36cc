// Asking again and again, but only while somebody is looking.

/**
 * Run `work` every `seconds` until `signal` aborts, for the first time after as long. Hidden pages ask nothing; when they
 * are shown again, work is done at once. One run at a time. `failed` hears of errors. Returns a function: run now.
 */
export function poll(work, seconds, signal, failed) {
  let timer = null;
  let running = false;
  let again = false;

  async function run() {
    clearTimeout(timer);
    again = running;
    if (running || signal.aborted) return;
    running = true;
    try {
      await work();
    } catch (error) {
      if (!signal.aborted) failed(error);
    } finally {
      running = false;
      wait();
    }
  }

  function wait() {
    if (again) run();
    else if (!signal.aborted && !document.hidden) timer = setTimeout(run, seconds * 1000);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : run()), { signal });
  wait();
  return run;
}

/** Run `work` every second while the page is visible: for clocks that count down. */
export function tick(work, signal) {
  const timer = setInterval(() => document.hidden || work(), 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
}
