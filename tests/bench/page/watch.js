// What a person would notice on the page while something else goes on: long tasks, late timers, late frames.

/** Begins to watch; the function that it answers ends it and gives milliseconds. */
export function watch() {
  const tasks = [];
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries()));
  observer.observe({ type: "longtask" });

  let frame = 0;
  let timer = 0;
  let watching = true;
  let lastFrame = performance.now();
  let lastTimer = lastFrame;
  const onFrame = () => {
    const now = performance.now();
    frame = Math.max(frame, now - lastFrame);
    lastFrame = now;
    if (watching) requestAnimationFrame(onFrame);
  };
  const onTimer = () => {
    const now = performance.now();
    timer = Math.max(timer, now - lastTimer);
    lastTimer = now;
    if (watching) setTimeout(onTimer, 4);
  };
  requestAnimationFrame(onFrame);
  setTimeout(onTimer, 4);

  return async () => {
    // The browser tells of a task after it, in a task of its own.
    await new Promise((done) => setTimeout(done, 50));
    watching = false;
    tasks.push(...observer.takeRecords());
    observer.disconnect();
    // The browser calls a task long from 50 ms on and tells of no other.
    return { tasks: tasks.length, task: Math.max(0, ...tasks.map(({ duration }) => duration)), timer, frame };
  };
}
