// What the person sees. All texts of the service go into the page as text, never as HTML.

import { signIn } from "./sign-in.js";

const at = (id) => document.getElementById(id);
const form = at("form");
let stop = new AbortController();

for (const [name, value] of new URLSearchParams(location.search)) {
  if (form.elements[name]) form.elements[name].value = value;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  stop = new AbortController();
  show({ busy: true, status: "Asking for a code …" });
  let status;
  try {
    const { text, lasts } = await signIn({
      endpoint: form.elements.endpoint.value,
      startUrl: form.elements.start_url.value,
      signal: stop.signal,
      onPrompt: (prompt) => show({ busy: true, prompt, status: "Waiting for the approval …" }),
      onWait: ({ time }) => (at("next").textContent = `Next question in ${(time / 1000).toFixed(1)} s.`),
    });
    status = lasts === null ? text : `${text} The token lasts ${duration(lasts)}.`;
  } catch (error) {
    status = `This cannot work: ${error.message ?? error}.`;
  }
  show({ busy: false, status });
});

at("cancel").addEventListener("click", () => stop.abort());

function show({ busy, prompt, status }) {
  at("start").disabled = busy;
  at("cancel").disabled = !busy;
  at("prompt").hidden = !prompt;
  at("next").textContent = "";
  at("status").textContent = status;
  at("status").ariaBusy = busy;
  if (!prompt) return;
  at("code").textContent = prompt.code;
  at("link").textContent = prompt.address;
  // Without an address of a web page, the text is all there is. A page in a new tab cannot reach this one.
  if (prompt.url) at("link").href = prompt.url;
  else at("link").removeAttribute("href");
  at("lasts").textContent = duration(prompt.lasts);
  at("replaced").hidden = !prompt.replaces_earlier;
}

function duration(millis) {
  const minutes = Math.round(millis / 60_000);
  if (minutes < 1) return `${Math.round(millis / 1000)} seconds`;
  return minutes < 120 ? `${minutes} minutes` : `${Math.floor(minutes / 60)} hours`;
}
