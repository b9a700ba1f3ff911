// Names what Django's admin and its select2 leave without a name, so that a screen reader can say what it stands on.
//
// Fields in a table are named by the head of their column, a search for a row by its field's label; both keep what they
// stand for in one place, the page. Rows and lists that come later are named as they come.

const PARTS = ".admin-autocomplete, .tabular, .selectfilter, .selectfilterstacked, #result_list, .form-row";
let named = 0;

function idOf(element) {
  element.id ||= `named-${++named}`;
  return element.id;
}

/** What a field is called on the page: its label, else the head of its column. */
function headOf(field) {
  const label = field.id && document.querySelector(`label[for="${CSS.escape(field.id)}"]`);
  if (label) return label;
  const cell = field.closest("td, th");
  return cell?.closest("table")?.tHead?.rows[0].cells[cell.cellIndex];
}

function nameSearches() {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const head = headOf(select);
    const chosen = select.parentElement.querySelector(".select2 .select2-selection");
    if (!head || !chosen) continue;
    const value = chosen.querySelector(".select2-selection__rendered");
    chosen.setAttribute("aria-labelledby", value.id ? `${idOf(head)} ${value.id}` : idOf(head));
    for (const each of chosen.querySelectorAll("[role=textbox], input")) each.setAttribute("aria-labelledby", idOf(head));
    // It empties the field, and stands among what was chosen.
    chosen.querySelector("ul > .select2-selection__clear")?.setAttribute("role", "listitem");
  }
  // What opens stands at the end of the main part, and knows its field only by the ids that select2 gave out.
  for (const list of document.querySelectorAll(".select2-dropdown [role=listbox]")) {
    const select = document.getElementById(list.id.replace(/^select2-(.*)-results$/, "$1"));
    const head = select && headOf(select);
    if (!head) continue;
    for (const each of [list, ...list.closest(".select2-dropdown").querySelectorAll("input")]) {
      each.setAttribute("aria-labelledby", idOf(head));
    }
    document.querySelector(`[role=combobox][aria-owns="${CSS.escape(list.id)}"]`)?.setAttribute("aria-controls", list.id);
  }
}

/** A date with its time, a list of ticks: the label stands before them all and belongs to none. */
function nameGroups() {
  for (const label of document.querySelectorAll(".form-row label:not([for])")) {
    const group = label.nextElementSibling;
    if (!group || label.control || group.hasAttribute("role") || group.querySelectorAll("input, select").length < 2) continue;
    group.setAttribute("role", "group");
    group.setAttribute("aria-labelledby", idOf(label));
  }
}

function nameTables() {
  for (const field of document.querySelectorAll(":is(.tabular, #result_list) td :is(input, select, textarea):not([type=hidden])")) {
    if (field.labels?.length || field.hasAttribute("aria-label") || field.classList.contains("admin-autocomplete")) continue;
    if (field.closest(".select2")) continue;
    const row = field.closest("tr").querySelector("th, td.original p")?.firstChild?.textContent.trim();
    const head = headOf(field)?.textContent.trim().replace(/[?:]$/, "");
    if (head) field.setAttribute("aria-label", row ? `${head}: ${row}` : head);
  }
  // A cell that says nothing is the head of nothing.
  for (const head of document.querySelectorAll(".tabular thead th:empty")) {
    const cell = document.createElement("td");
    cell.className = head.className;
    head.replaceWith(cell);
  }
}

function nameFilters() {
  for (const mark of document.querySelectorAll(".help-tooltip[aria-label]:not([role])")) mark.setAttribute("role", "img");
}

function name() {
  nameSearches();
  nameGroups();
  nameTables();
  nameFilters();
}

if (document.querySelector(PARTS)) {
  // What opens belongs to the page's main part; select2 looks here when it begins, which is after this.
  for (const select of document.querySelectorAll("select.admin-autocomplete")) select.dataset.dropdownParent = "#content-start";
  name();
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
}
