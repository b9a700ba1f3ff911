/* The bar of a digest that goes out: the countdown runs, and every two seconds the server is asked how things stand.
   The page works without it; the server makes the same bar either way. */

const EVERY = 2000;
// From here on the server says it in days.
const FAR = 48 * 3600;

const place = document.querySelector("[data-sending]");
const voice = document.querySelector("[data-sending-says]");
const shown = () => place.firstElementChild;
const part = (bar, name) => bar.querySelector(`[data-part="${name}"]`);

let ends = 0;
let said = shown().dataset.says;

function clock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${hours ? two(Math.floor(seconds / 60) % 60) : Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

function tick() {
  const left = part(shown(), "left");
  const seconds = Math.max(0, Math.round((ends - Date.now()) / 1000));
  if (left && seconds < FAR) left.textContent = clock(seconds);
}

function aim() {
  // The server's seconds, not this machine's clock, which may be wrong.
  ends = Date.now() + Number(shown().dataset.seconds) * 1000;
  shown().classList.add("is-live");
}

function show(next) {
  const bar = shown();
  if (next.dataset.stage !== bar.dataset.stage || next.dataset.mailing !== bar.dataset.mailing) {
    const hadFocus = bar.contains(document.activeElement);
    place.replaceChildren(next);
    if (hadFocus) place.querySelector("input[type=submit], a")?.focus();
    tell();
  } else {
    // Only the words change: whoever is about to press the button keeps it under the finger.
    for (const name of ["headline", "detail"]) part(bar, name).textContent = part(next, name).textContent;
    const left = part(next, "left");
    if (left && Number(next.dataset.seconds) >= FAR) part(bar, "left").textContent = left.textContent;
    const progress = part(bar, "progress");
    if (progress) progress.value = part(next, "progress").value;
    bar.dataset.seconds = next.dataset.seconds;
    bar.dataset.says = next.dataset.says;
  }
  aim();
  if (next.dataset.says !== said) {
    said = next.dataset.says;
    voice.textContent = said;
  }
}

/** What the rest of the page says of the digest, and lets be done with it, is over. */
function tell() {
  document.dispatchEvent(new CustomEvent("sending:stage"));
}

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(place.dataset.sending, { credentials: "same-origin", redirect: "error" });
      if (answer.status === 204) {
        place.replaceChildren();
        return tell();
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const template = document.createElement("template");
      template.innerHTML = (await answer.text()).trim();
      show(template.content.firstElementChild);
      part(shown(), "stale").hidden = true;
    } catch {
      part(shown(), "stale").hidden = false;
    }
  }
  if (shown()?.dataset.stage !== "over") setTimeout(look, EVERY);
}

aim();
setInterval(() => shown() && tick(), 250);
setTimeout(look, EVERY);
