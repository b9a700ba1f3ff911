// Counts on from what the server wrote, by the server's clock; without a script that text stands.
const MINUTE = 60_000;
const board = document.querySelector(".board[data-now]");

function words(milliseconds, texts) {
  const minutes = Math.floor(Math.abs(milliseconds) / MINUTE);
  const hours = Math.floor(minutes / 60);
  const span = (hours ? texts.hours : minutes ? texts.minutes : texts.moment)
    .replace("%(hours)d", hours)
    .replace("%(minutes)d", hours ? minutes % 60 : minutes);
  return (milliseconds >= 0 ? texts.in : texts.ago).replace("%(time)s", span);
}

function tick(ahead) {
  for (const element of board.querySelectorAll("[data-countdown]")) {
    const left = Date.parse(element.dataset.countdown) - (Date.now() + ahead);
    if (Math.abs(left) < 48 * 60 * MINUTE) element.textContent = words(left, board.dataset);
  }
}

if (board) {
  const ahead = Date.parse(board.dataset.now) - Date.now();
  setInterval(() => tick(ahead), 10_000);
}
