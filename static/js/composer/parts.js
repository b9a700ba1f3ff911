// The page's parts: they come with the page or with the answer to a save, and are put in place one by one, so that
// focus, scrolling and typing survive.

import { equip } from "./moving.js";
import { flush, isDirty, isSettled, takeVersion } from "./saving.js";
import { say, text } from "./speaking.js";

const FORM = ".desk-digest";
const OUTCOME = [".desk-status", ".desk-findings-part", "#readers-view"];
const ALL = [...OUTCOME, "#candidates-panel", FORM];

/** Puts in place what `html` has of the parts; the first message in it, or nothing. */
function place(html, selectors) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const open = [...document.querySelectorAll("details[open]")].map(keyOf).filter(Boolean);
  for (const selector of selectors) {
    const [ours, theirs] = [document.querySelector(selector), fresh.querySelector(selector)];
    if (ours && theirs) ours.replaceWith(document.adoptNode(theirs));
  }
  for (const head of document.querySelectorAll(".desk-slot > h3")) {
    const now = fresh.querySelector(`#${CSS.escape(head.parentElement.id)} > h3`);
    if (now) head.replaceWith(document.adoptNode(now));
  }
  // Only with the form itself: a version taken without its words would hide what a colleague wrote meanwhile.
  const version = fresh.querySelector("input[name=version]")?.value;
  if (version && selectors.includes(FORM)) takeVersion(version);
  // With the form comes the state it was made in: behind a proof it must not go on saving by itself.
  const composer = fresh.getElementById("composer");
  if (composer && selectors.includes(FORM)) document.getElementById("composer").dataset.autosave = composer.dataset.autosave;
  for (const details of document.querySelectorAll("details")) if (open.includes(keyOf(details))) details.open = true;
  equip();
  const message = fresh.querySelector(".messagelist li");
  return message && { sentence: message.textContent.trim(), isTrouble: message.classList.contains("error") };
}

/** What tells a details element from the others, before and after the swap. */
function keyOf(details) {
  const owner = details.closest("[id]");
  return owner && `${owner.id} ${[...owner.querySelectorAll("details")].indexOf(details)}`;
}

async function page(url, options) {
  const answer = await fetch(url, { credentials: "same-origin", ...options });
  if (!answer.ok || !new URL(answer.url).pathname.includes("/digests/digest/")) throw new Error(String(answer.status));
  return { html: await answer.text(), url: answer.url };
}

/** The address of the parts that follow from what is saved, without the rest of the page. */
function outcomeOf(address) {
  const url = new URL(address);
  url.searchParams.set("only", "outcome");
  return url;
}

/** Brings everything but the form up to date. */
async function refresh() {
  const asked = location.href;
  try {
    const { html } = await page(outcomeOf(asked));
    // Another view was chosen meanwhile: what was asked for is not what is wanted any more.
    if (asked === location.href) place(html, OUTCOME);
    else await refresh();
  } catch {
    say(text("away"), { isTrouble: true });
  }
}

/** Puts in place what came with the answer to a save. `asked`: the address it was sent to, which holds the view. */
export async function showSaved({ outcome, asked }) {
  if (asked === location.href) place(outcome, OUTCOME);
  else await refresh();
}

/** Puts in place the page of a digest that went a step further; what was typed and not saved stays, and its form with it. */
export async function renew() {
  if (!isSettled()) return refresh();
  const focused = document.activeElement?.id;
  try {
    const { html } = await page(location.href);
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("composer");
    if (!fresh || !isSettled()) return;
    document.getElementById("composer").replaceWith(document.adoptNode(fresh));
    equip();
    if (focused) document.getElementById(focused)?.focus();
  } catch {
    say(text("away"), { isTrouble: true });
  }
}

/** Sends a form as the browser would, and puts the answer in place. `more`: fields beside its own. Whether it went well. */
export async function send(form, { focus, more = {} } = {}) {
  if (!(await flush())) return false;
  const body = new FormData(form);
  for (const [name, value] of Object.entries(more)) body.set(name, value);
  try {
    const { html, url } = await page(form.action, { method: "POST", body });
    const message = place(html, ALL);
    history.replaceState(null, "", url);
    if (message?.isTrouble) say(message.sentence, message);
    else if (message) say([message.sentence, tooMany(body.get("slot"))].filter(Boolean).join(" "));
    focus?.();
    return !message?.isTrouble;
  } catch {
    say(text("away"), { isTrouble: true });
    return false;
  }
}

/** What to say of a slot that holds more than it should: a key that fills it says no more than the click. */
function tooMany(key) {
  const head = key && document.getElementById(`slot-${key}`)?.querySelector("h3[data-over]");
  return head && text("full", { slot: head.firstChild.textContent.trim(), count: head.lastElementChild.textContent });
}

/** Sends one of the list's forms; the focus stays with its row, or goes to the next one if the row is gone. */
export function sendOfList(form, more = {}) {
  const candidate = form.closest(".desk-candidate");
  const next = candidate?.nextElementSibling?.id || candidate?.previousElementSibling?.id;
  const own = candidate?.id;
  return send(form, { more, focus: () => focusOn(own) || focusOn(next) || document.getElementById("candidates")?.focus() });
}

export function watchForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || !form.closest("#candidates-panel") || form.querySelector("[type=url]")) return;
    event.preventDefault();
    sendOfList(form);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (isSettled() || event.defaultPrevented || form.method !== "post" || form.id === "digest-form") return;
    // The bar's stop stands outside: it waits for nothing.
    if (!form.closest("#composer")) return;
    event.preventDefault();
    saveThenSubmit(form);
  });
  addEventListener("beforeunload", (event) => { if (isDirty()) event.preventDefault(); });
}

/** A button pressed right after typing: what was typed goes first. Saving may put a form of the new version in place. */
async function saveThenSubmit(form) {
  if (!(await flush())) return;
  const now = document.querySelector(`form[action="${CSS.escape(form.getAttribute("action"))}"]`);
  now?.requestSubmit();
}

/** Focus on a row's own link; false if the row is gone. */
export function focusOn(id) {
  const link = id && document.getElementById(id)?.querySelector(".desk-title a, .desk-handle");
  link?.focus();
  return Boolean(link);
}

export function watchViews() {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-view]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const url = new URL(link.href);
    url.hash = "";
    history.replaceState(null, "", url);
    try {
      place((await page(outcomeOf(url))).html, ["#readers-view"]);
      document.querySelector(`a[data-view="${link.dataset.view}"]`)?.focus();
    } catch {
      say(text("away"), { isTrouble: true });
    }
  });
}
