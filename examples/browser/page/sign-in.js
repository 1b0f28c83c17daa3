// Drives a sign-in: `fetch` sends, `setTimeout` waits, and the machine decides.

import init, { SignIn } from "./example_browser.js";

// A timer of a browser counts to 24 days at most. Asking the machine early is harmless.
const LONGEST_WAIT = 60_000;

/**
 * Signs in, and resolves to the last step. `onPrompt` and `onWait` get the steps for the person. After `signal` nothing
 * more is sent, but a request under way is finished, because its answer may bring the token.
 */
export async function signIn({ endpoint, startUrl, signal, onPrompt, onWait }) {
  await init();
  const [seed] = crypto.getRandomValues(new BigUint64Array(1));
  const machine = new SignIn(endpoint, startUrl, seed, performance.now());
  try {
    for (;;) {
      if (signal.aborted) machine.cancel();
      const step = JSON.parse(machine.poll(performance.now()));
      if (step.step === "done") return step;
      if (step.step === "send") await send(machine, step);
      if (step.step === "prompt") onPrompt(step);
      if (step.step === "wait") {
        onWait(step);
        await wait(Math.min(step.time, LONGEST_WAIT), signal);
      }
    }
  } finally {
    machine.free();
  }
}

/** Sends one request, and passes on what comes of it. */
async function send(machine, { method, url, headers, body, limit }) {
  try {
    const response = await fetch(url, {
      method,
      headers,
      body,
      cache: "no-store",
      credentials: "omit",
      redirect: "manual", // The request has secrets.
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(limit),
    });
    machine.head(response.status, [...response.headers].flat());
    const reader = response.body?.getReader();
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) break;
      if (!machine.chunk(value)) {
        await reader.cancel();
        break;
      }
    }
    machine.end(performance.now());
  } catch (error) {
    machine.failed(performance.now(), String(error));
  }
}

/** Resolves after this time, or when the signal comes. */
function wait(time, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, time);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
