// What a field says of itself while somebody types: how long it is, and whether its words are the desk's own.
// Seen and not read out: a voice that counts along at every key would be in the way of the words.

import { text } from "./speaking.js";

export function watchLengths() {
  document.addEventListener("input", (event) => {
    const field = event.target.closest(".desk-digest .desk-field");
    if (field && controlOf(field) === event.target) tell(field, event.target);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".desk-reset");
    if (!button) return;
    event.preventDefault();
    const input = controlOf(button.closest(".desk-field"));
    input.value = "";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
  });
}

/** A field's own control stands first; those of a clash follow it. */
const controlOf = (field) => field.querySelector("input, textarea, select");

function tell(field, input) {
  const value = input.value.trim();
  const hint = field.querySelector("[data-length]");
  if (hint) count(hint, [...(value || input.placeholder)].length);
  const reset = field.querySelector(".desk-reset");
  if (!reset) return;
  field.classList.toggle("is-own", value !== "");
  reset.hidden = value === "";
  const pick = field.closest(".desk-pick");
  if (!pick) return;
  for (const part of pick.querySelectorAll(".desk-own, .desk-all-back")) part.hidden = !pick.querySelector(".desk-field.is-own");
  if (input.name.endsWith("-title")) pick.querySelector(".desk-title").firstChild.textContent = `${value || input.placeholder} `;
}

/** As the page says it itself. */
function count(hint, number) {
  const { least, most, ideal } = hint.dataset;
  hint.textContent = text(number === 1 ? "length_one" : "length", { number, ideal });
  hint.classList.toggle("is-off", number < Number(least) || number > Number(most));
}
