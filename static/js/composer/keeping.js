// What was typed and is not saved yet outlives a reload: kept in this tab, for this person and digest, until it is
// saved. Behind a proof nothing is saved by itself, so there this is all that is between a crash and an hour's work.

const place = () => document.getElementById("composer-kept");
const key = place().dataset.key;
const form = () => document.getElementById("digest-form");
const fields = () => [...form().elements].filter((field) => field.name && !["hidden", "radio", "submit"].includes(field.type));
const valueOf = (field) => (field.type === "checkbox" ? field.checked : field.value);
const plain = (value) => (typeof value === "string" ? value.replaceAll("\r\n", "\n").trim() : value);
const names = new Set(); // fields to keep though the page came with these values
let offered = null; // what an earlier page left, until somebody decides

function cameWith(field) {
  if (field.type === "checkbox") return field.defaultChecked;
  if (field.options) return ([...field.options].find((option) => option.defaultSelected) ?? field.options[0])?.value;
  return field.defaultValue;
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
}

function write(kept) {
  try {
    sessionStorage.setItem(key, JSON.stringify(kept));
  } catch {
    // No room, or not allowed: the page works as it did without.
  }
}

function drop() {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // Where nothing may be kept there is nothing to drop.
  }
}

/** All that is other than the page came with. */
export function keep() {
  const typed = fields().filter((field) => names.has(field.name) || valueOf(field) !== cameWith(field));
  const kept = Object.fromEntries(typed.map((field) => [field.name, valueOf(field)]));
  // The older version is the one to compare with: what a colleague changed since is then not overwritten.
  const version = offered?.version ?? form().elements.version.value;
  write({ version, fields: { ...offered?.fields, ...kept } });
}

/** It is saved. What waits for a decision is not. */
export function forget() {
  if (offered) write(offered);
  else drop();
}

/** Offers what an earlier page left. That the digest has a newer version does not say whose: a colleague may have
    saved while our own form came to a closed session. Only a page that shows what was typed shows that it arrived. */
export function watchKept() {
  const kept = read();
  if (!kept || !form() || form().querySelector("fieldset:disabled")) return;
  // The page came back with what was typed, because it could not be saved as it was.
  if ("typed" in place().dataset) {
    for (const name of Object.keys(kept.fields)) names.add(name);
    return;
  }
  const lost = fields().filter((field) => field.name in kept.fields && plain(kept.fields[field.name]) !== plain(valueOf(field)));
  if (!lost.length) {
    forget();
    return;
  }
  offered = kept;
  place().append(place().querySelector("template").content.cloneNode(true));
  place().addEventListener("click", (event) => {
    const answer = event.target.closest("button")?.dataset.kept;
    if (answer) settle(answer === "take");
  });
}

function settle(isTaken) {
  const { version, fields: values } = offered;
  offered = null;
  for (const part of place().querySelectorAll("p")) part.remove();
  const back = isTaken ? fields().filter((field) => field.name in values && valueOf(field) === cameWith(field)) : [];
  if (isTaken) form().elements.version.value = version;
  for (const field of back) {
    if (field.type === "checkbox") field.checked = values[field.name];
    // A picture or a slot that is not there any more cannot be chosen.
    else if (!field.options || [...field.options].some((option) => option.value === values[field.name])) field.value = values[field.name];
    const closed = field.closest("details:not([open])");
    if (closed && valueOf(field) !== cameWith(field)) closed.open = true;
  }
  const changed = back.filter((field) => valueOf(field) !== cameWith(field));
  for (const field of changed) field.dispatchEvent(new Event("input", { bubbles: true }));
  if (fields().some((field) => valueOf(field) !== cameWith(field))) keep();
  else forget();
  (changed[0] ?? document.getElementById("id_subject")).focus();
}
