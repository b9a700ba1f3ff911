// What the page says by itself: one line that is seen and read out, in the editor's language.

const texts = JSON.parse(document.getElementById("composer-texts").textContent);

export function text(name, values = {}) {
  return Object.entries(values).reduce((said, [key, value]) => said.replaceAll(`{${key}}`, value), texts[name] ?? name);
}

export function say(sentence, { isTrouble = false } = {}) {
  const line = document.getElementById("composer-says");
  line.classList.toggle("is-trouble", isTrouble);
  // The same sentence twice is read out twice only if the line was empty in between.
  line.textContent = "";
  requestAnimationFrame(() => { line.textContent = sentence; });
}

/** Whether what was typed is kept: seen beside the line above, and not read out each time. */
export function note(sentence) {
  document.getElementById("composer-saved").textContent = sentence;
}
