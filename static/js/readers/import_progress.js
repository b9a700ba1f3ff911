// Follows an import that a worker is at. When its state changes, the page is looked at anew.

const LOOK_MS = 2000;
const bar = document.querySelector("[data-progress]");
const said = document.querySelector("[data-said]");

async function look() {
  const answer = await fetch(bar.dataset.progress, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const now = await answer.json();
  if (now.state !== bar.dataset.state) {
    location.reload();
    return;
  }
  bar.max = Math.max(now.whole, 1);
  bar.value = now.done;
  said.textContent = now.said;
}

if (bar) setInterval(() => look().catch(() => {}), LOOK_MS);
